//! `flowcast demo`: one campaign on this machine, from list to report, with real services and real processes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use campaign::{CampaignId, Definition, Provider};
use control::ListImport;
use devstack::{Scope, Stack};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use producer::ListsConfig;
use secrecy::SecretString;
use simulator::{Running, Simulator};
use store::{NewSender, Store};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::args;
use crate::args::lists::ListFile;
use crate::commands::{import, report};
use crate::plane::{Database, Plane};
use crate::shutdown;
use crate::terminal::output::{line, thousands};
use crate::terminal::progress;

const KEY_NAME: &str = "FLOWCAST_DEMO_KEY";
const KEY: &str = "demo-key";
const CAMPAIGN: &str = include_str!("../../../../examples/campaign.toml");
/// How long a process may drain before it is killed.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// Runs the demo.
pub(crate) async fn run(args: args::Demo) -> anyhow::Result<()> {
    line("1. RabbitMQ and Postgres");
    let stack = Stack::start().await?;
    line(format!("   {}", stack.describe()));
    let scope = stack.scope("demo").await?;
    let store = Store::connect(&store::Config::new(SecretString::from(scope.database_url()))).await?;
    store.migrate().await?;
    let database = Database::new(store.clone(), ListsConfig::default(), whatsapp::Config::default());
    let plane = Plane::Database(database);
    let simulator = start_simulator(&args).await?;
    line(format!("   a simulated Kaleyra answers at {} after {:?}", simulator.base_url(), args.latency));

    line("2. A list and a campaign");
    let folder = tempfile::tempdir()?;
    let id = prepare(&plane, &store, &simulator, &args, folder.path()).await?;

    line(format!("3. One producer and {} consumers, each in its own process", args.consumers));
    let mut processes = start_processes(&scope, &args, &folder)?;
    plane.start_campaign(id).await?;
    let shutdown_signal = shutdown::on_signal()?;
    let watched = tokio::select! {
        watched = progress::watch(async || plane.report(id).await) => watched,
        died = first_death(&mut processes, folder.path()) => Err(died),
        () = shutdown_signal.cancelled() => Err(anyhow::anyhow!("stopped before the end")),
    };
    let stopped = stop_processes(processes).await;
    watched.and(stopped)?;

    line("4. What the provider's ledger and the report say");
    let result = compare(&store, &simulator, id).await;
    simulator.shutdown().await;
    scope.close().await?;
    result
}

async fn start_simulator(args: &args::Demo) -> anyhow::Result<Running> {
    let mut config = simulator::Config { api_key: SecretString::from(KEY), ..simulator::Config::default() };
    config.latency.fixed = args.latency;
    Ok(Simulator::start(config).await?)
}

async fn prepare(
    plane: &Plane,
    store: &Store,
    simulator: &Running,
    args: &args::Demo,
    folder: &Path,
) -> anyhow::Result<CampaignId> {
    let provider = simulator::Config::default();
    let sender = NewSender {
        name: "demo".into(),
        provider: Provider::Kaleyra,
        base_url: simulator.base_url(),
        account: Some(provider.account),
        number: provider.number.to_string(),
        api_key_ref: format!("env:{KEY_NAME}"),
        rate: args.rate.0,
        daily_cap: None,
    };
    store.add_sender(&sender).await?;
    let mut definition = Definition::parse(CAMPAIGN).context("examples/campaign.toml")?;
    definition.sender = sender.name;
    let id = plane.create_campaign(&definition).await?.campaign_id;
    let id = CampaignId(id);
    let list = folder.join("recipients.csv");
    std::fs::write(&list, write_list(args.recipients))?;
    let default_country = "KE".parse().ok();
    let options = ListImport { default_country, ..ListImport::default() };
    let file = ListFile {
        list,
        default_country,
        number_column: None,
        sheet: None,
        include_hidden: false,
        encoding: None,
    };
    import::print(&import::import(plane, &ListsConfig::default(), id, &file, options).await?, id);
    Ok(id)
}

/// A typical list: the requested number of valid rows, and some invalid ones.
fn write_list(recipients: u32) -> String {
    const NAMES: [&str; 5] = ["Achieng", "Baraka", "Chebet", "Dalila", "Ekai"];
    let rows = (0..recipients).zip(NAMES.into_iter().cycle());
    let good = rows.map(|(index, name)| format!("0{};{name}\n", 712_000_000 + index));
    let mut list: String = std::iter::once("Phone;First name\n".to_owned()).chain(good).collect();
    list.push_str(
        "0712000000;Achieng again\n12345;Too short\nnobody;No number\n2.54712E+11;From a spreadsheet\n",
    );
    list
}

fn start_processes(
    scope: &Scope,
    args: &args::Demo,
    folder: &TempDir,
) -> anyhow::Result<Vec<(String, Child)>> {
    let program = std::env::current_exe()?;
    let consumers = (1..=args.consumers).map(|n| ("consumer", format!("consumer-{n}")));
    std::iter::once(("producer", "producer".to_owned()))
        .chain(consumers)
        .map(|(role, name)| {
            let log = std::fs::File::create(folder.path().join(format!("{name}.log")))?;
            let child = Command::new(&program)
                .arg(role)
                .env("DATABASE_URL", scope.database_url())
                .env("AMQP_URL", scope.amqp_url())
                .env("FLOWCAST_BROKER_PREFIX", scope.queue_prefix())
                .env(KEY_NAME, KEY)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("starting the {role}"))?;
            line(format!("   {name}: process {}", child.id().unwrap_or_default()));
            Ok((name, child))
        })
        .collect()
}

/// The first process that ends too early, with the end of its log.
async fn first_death(processes: &mut [(String, Child)], logs: &Path) -> anyhow::Error {
    let deaths = processes.iter_mut().map(|(name, child)| {
        Box::pin(async move {
            let status =
                child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
            (name.clone(), status)
        })
    });
    let ((name, status), ..) = futures::future::select_all(deaths).await;
    let log = std::fs::read_to_string(logs.join(format!("{name}.log"))).unwrap_or_default();
    let last: Vec<&str> = log.lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    anyhow::anyhow!("{name} ended with {status}; the end of its log:\n{}", last.join("\n"))
}

/// Sends SIGTERM and waits for the drain.
async fn stop_processes(processes: Vec<(String, Child)>) -> anyhow::Result<()> {
    for (_, child) in &processes {
        if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
            // A process that has ended already cannot get a signal; its exit status is checked below.
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
    }
    for (name, mut child) in processes {
        let status = tokio::time::timeout(DRAIN_LIMIT, child.wait())
            .await
            .with_context(|| format!("{name} did not stop in {DRAIN_LIMIT:?}"))??;
        anyhow::ensure!(status.success(), "{name} ended with {status}");
    }
    Ok(())
}

/// Checks that the ledger has each recipient exactly once and that the report adds up.
async fn compare(store: &Store, simulator: &Running, id: CampaignId) -> anyhow::Result<()> {
    let ledger = simulator.ledger().summary();
    let report = store.report(id).await?;
    line(format!(
        "   ledger: {} requests, {} accepted, {} recipients, {} of them more than once",
        ledger.requests, ledger.accepted, ledger.distinct_recipients, ledger.accepted_more_than_once
    ));
    line("");
    report::print(&report);
    let imported = report.recipients();
    let all_once = i64::try_from(ledger.accepted) == Ok(imported)
        && ledger.distinct_recipients == ledger.accepted
        && report.accepted == imported;
    anyhow::ensure!(all_once, "ledger and report differ, or a recipient is missing");
    anyhow::ensure!(report.difference == 0, "the report does not add up");
    line("");
    line(format!(
        "Each of {} recipients was sent to exactly once, and every number adds up.",
        thousands(imported)
    ));
    Ok(())
}
