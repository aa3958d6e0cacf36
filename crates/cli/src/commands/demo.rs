//! `flowcast demo`: one campaign on this machine, from list to report, with real services and real processes.

mod processes;

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use campaign::{CampaignId, Definition, Provider};
use control::{Grant, ListImport, NewAccount, Role, SenderChange, WebhookSettings};
use devstack::Stack;
use producer::ListsConfig;
use secrecy::SecretString;
use simulator::{Running, Simulator};
use store::{NewSender, Store};

use crate::args::demo::Demo;
use crate::args::lists::ListFile;
use crate::commands::demo::processes::{Addresses, Processes};
use crate::commands::{import, report};
use crate::plane::{Database, Plane};
use crate::shutdown;
use crate::terminal::output::{line, thousands};
use crate::terminal::progress;

const KEY_NAME: &str = "FLOWCAST_DEMO_KEY";
const KEY: &str = "demo-key";
const CAMPAIGN: &str = include_str!("../../../../examples/campaign.toml");
const WEBHOOK_SECRET_NAME: &str = "FLOWCAST_DEMO_WEBHOOK";
const WEBHOOK_SECRET: &str = "demo:demo-webhook";
const SENDER: &str = "demo";

/// Runs the demo.
pub(crate) async fn run(args: Demo) -> anyhow::Result<()> {
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

    line(format!("3. One server, one producer and {} consumers, each in its own process", args.consumers));
    let (mut processes, at) = Processes::start(&scope, &args, folder.path()).await?;
    post_receipts(&plane, &simulator, &at).await?;
    plane.start_campaign(id).await?;
    let shutdown_signal = shutdown::on_signal()?;
    let shown = async {
        progress::watch(async || plane.report(id).await).await?;
        line("4. What the provider's ledger and the report say");
        compare(&store, &simulator, id).await?;
        if !args.exit && std::io::stdout().is_terminal() {
            invite(&plane, &at).await?;
            shutdown_signal.cancelled().await;
        }
        Ok(())
    };
    let shown = tokio::select! {
        shown = shown => shown,
        died = processes.first_death(folder.path()) => Err(died),
        () = shutdown_signal.cancelled() => {
            line("stopped by a signal");
            Ok(())
        }
    };
    let stopped = processes.stop().await;
    simulator.shutdown().await;
    scope.close().await?;
    shown.and(stopped)
}

/// Lets the simulated provider post receipts and answers to the server.
async fn post_receipts(plane: &Plane, simulator: &Running, at: &Addresses) -> anyhow::Result<()> {
    let webhook = plane.sender_webhook(SENDER).await?;
    let webhook = simulator::Webhook {
        url: format!("{}{}", at.webhooks, webhook.path),
        secret: Some(SecretString::from(WEBHOOK_SECRET)),
        after: simulator::Latency { fixed: Duration::from_millis(300), ..simulator::Latency::default() },
        read: 0.8,
        failed: 0.02,
        answered: 0.2,
        ..simulator::Webhook::default()
    };
    simulator.controls().set_webhook(Some(webhook))?;
    Ok(())
}

/// Prints how to open the console.
async fn invite(plane: &Plane, at: &Addresses) -> anyhow::Result<()> {
    let Plane::Database(Database { control, caller }) = plane else { return Ok(()) };
    let grant = Grant { role: Role::Admin, has_numbers: true, senders: None };
    let account = NewAccount { name: "demo".into(), email: None, grant };
    let linked = control.add_account(caller, account).await?.result;
    line("5. The web console");
    line("   Set a password with this link, and log in as 'demo'. The link works once, for an hour:");
    line(format!("   {}{}", at.console, linked.path().unwrap_or_default()));
    line("   The campaign is in it, and you can start others. Everything ends with Ctrl-C.");
    Ok(())
}

async fn start_simulator(args: &Demo) -> anyhow::Result<Running> {
    let mut config = simulator::Config { api_key: SecretString::from(KEY), ..simulator::Config::default() };
    config.latency.fixed = args.latency;
    Ok(Simulator::start(config).await?)
}

async fn prepare(
    plane: &Plane,
    store: &Store,
    simulator: &Running,
    args: &Demo,
    folder: &Path,
) -> anyhow::Result<CampaignId> {
    let provider = simulator::Config::default();
    let sender = NewSender {
        name: SENDER.into(),
        provider: Provider::Kaleyra,
        base_url: simulator.base_url(),
        account: Some(provider.account),
        number: provider.number.to_string(),
        api_key_ref: format!("env:{KEY_NAME}"),
        rate: args.rate.0,
        daily_cap: None,
    };
    let webhook = WebhookSettings {
        secret_ref: Some(Some(format!("env:{WEBHOOK_SECRET_NAME}"))),
        ..WebhookSettings::default()
    };
    store.add_sender(&sender).await?;
    plane.change_sender(SENDER, SenderChange { webhook, ..SenderChange::default() }).await?;
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
