//! The long-running roles and `flowcast migrate`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use broker::{Publisher, Topology};
use control::Live;
use notifier::{Guard, Poster, Timing};
use store::Store;
use telemetry::health::{self, Need, Part};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::exit::Refused;
use crate::plane::{self, Database};
use crate::settings::Settings;
use crate::terminal::output::line;
use crate::terminal::progress;
use crate::{alerts, args};
use crate::{keys, monitoring, shutdown};

/// `flowcast migrate`
pub(crate) async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    let bar = progress::of_steps(0, "tables moved");
    let migrated = store
        .migrate_with(&mut |moved| {
            bar.set_length(u64::try_from(moved.of).unwrap_or(0));
            bar.set_position(u64::try_from(moved.tables).unwrap_or(0));
            Ok(())
        })
        .await;
    bar.finish_and_clear();
    let applied = migrated?.applied;
    line(match applied.len() {
        0 => "the tables are up to date".to_owned(),
        n => format!("{n} migrations applied: {}", applied.join(", ")),
    });
    Ok(())
}

/// `flowcast producer`
pub(crate) async fn producer(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let (config, broker, alerts) = (settings.producer()?, settings.broker()?, settings.alerts()?);
    let poster = Poster::of_operator(settings.http()?.proxy.as_ref())?;
    let key = plane::webhook_key(settings)?;
    let guarded = Poster::guarded(&Guard::new(settings.webhooks()?.networks))?;
    let metrics = [store::INSTRUMENTS, broker::INSTRUMENTS, producer::INSTRUMENTS];
    monitoring::start(settings, "producer", &metrics, producer::INSTALLATION_INSTRUMENTS, &shutdown).await?;
    let Some(store) = shutdown.run_until_cancelled(open(settings)).await.transpose()? else { return Ok(()) };
    let maintenance = Store::connect(&settings.postgres()?.for_maintenance()).await?;
    let measuring = Store::connect(&settings.postgres()?.for_measuring()).await?;
    let topology = Topology::new(&broker.prefix);
    // The publisher outlives the feed, so that messages published when the signal comes are confirmed.
    let closing = CancellationToken::new();
    let draining = tokio::spawn(producer::drain(broker.clone(), store.clone(), shutdown.clone()));
    let (publisher, publishing) = Publisher::start(broker, closing.clone());
    let telling = tokio::spawn(alerts::run(alerts, store.clone(), poster, shutdown.clone()));
    let webhooks = notifier::Setup { store: store.clone(), key, poster: guarded, timing: Timing::default() };
    let notifying = tokio::spawn(notifier::run(webhooks, shutdown.clone()));
    let measured_campaigns = settings.metrics()?.campaigns;
    let setup =
        producer::Setup { config, store, maintenance, measuring, publisher, topology, measured_campaigns };
    producer::run(setup, shutdown).await;
    telling.await.context("sending alerts")?;
    notifying.await.context("delivering events to webhook endpoints")?;
    draining.await.context("draining dead letters")?;
    closing.cancel();
    publishing.await.context("closing the connection to RabbitMQ")
}

/// `flowcast consumer`
pub(crate) async fn consumer(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let setup = consumer::Setup {
        config: settings.consumer()?,
        broker: settings.broker()?,
        http: settings.http()?,
        keys: Arc::new(keys::resolve),
    };
    let metrics = [store::INSTRUMENTS, broker::INSTRUMENTS, consumer::INSTRUMENTS];
    monitoring::start(settings, "consumer", &metrics, &[], &shutdown).await?;
    let connecting = connect(settings.postgres()?.for_sending());
    let Some(store) = shutdown.run_until_cancelled(connecting).await.transpose()? else { return Ok(()) };
    consumer::run(setup, store, shutdown).await?;
    Ok(())
}

/// `flowcast server`
pub(crate) async fn server(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let config = settings.server()?;
    let listen = config.listen;
    let upload_key =
        config.upload_key.as_deref().map(keys::resolve_upload_key).transpose().map_err(Refused)?;
    let setup = server::Setup {
        config,
        lists: settings.lists()?,
        upload_key,
        overrides: settings.http()?.overrides,
        secrets: Arc::new(keys::resolve_secret),
    };
    let metrics = [store::INSTRUMENTS, server::INSTRUMENTS];
    monitoring::start(settings, "server", &metrics, &[], &shutdown).await?;
    let Some(store) = shutdown.run_until_cancelled(open(settings)).await.transpose()? else { return Ok(()) };
    let server =
        server::Server::bind(setup, store).await.with_context(|| format!("cannot listen at {listen}"))?;
    line(format!("receiving webhooks and uploads at http://{}", server.address()?));
    let console = console(settings, shutdown.clone()).await?;
    server.run(shutdown).await?;
    console.await.context("the listener of the console and the API")
}

/// Starts the listener of the console and the API, if it is enabled, with connections to PostgreSQL of its own, so that webhooks do not wait for
/// people.
async fn console(settings: &Settings, shutdown: CancellationToken) -> anyhow::Result<JoinHandle<()>> {
    let (config, pages) = (settings.console()?, settings.pages()?);
    if !config.enabled {
        return Ok(tokio::spawn(async {}));
    }
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen at {} for the console and the API; change [console] listen, or set enabled = false",
            config.listen
        )
    })?;
    let Database { control, .. } = Database::open(settings).await?;
    let control =
        control.with_log_in_rules(pages.log_in_rules()).with_second_factors(plane::second_factors(&pages)?);
    let at = listener.local_addr()?;
    let base = pages.base(at);
    let control = match plane::company_log_ins(settings, &base)? {
        Some(company) => control.with_company_log_ins(company),
        None => control,
    };
    let watching = Store::connect(&settings.postgres()?.for_watching()).await?;
    let live = Live::start(watching, shutdown.clone());
    line(format!("serving the console at {base} and the API at http://{at}/api/v1"));
    let (limits, proxies) = (config.limits(), config.trusted_proxies.clone());
    let uploads = console::UploadLimits { max_bytes: config.max_list_bytes, timeout: config.upload_timeout };
    let api = api::router(control.clone(), live.clone(), config);
    let router = console::router((control.clone(), live), (&pages, at), proxies, uploads, api);
    Ok(tokio::spawn(async move {
        tokio::join!(
            listener::listen(listener, router, &limits, shutdown.clone()),
            control.keep_jobs(shutdown)
        );
    }))
}

/// `flowcast simulator`
pub(crate) async fn simulator(args: args::Simulator) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let mut config = simulator::Config {
        provider: args.provider,
        listen: args.listen,
        account: args.account,
        balance: args.balance,
        ..simulator::Config::default()
    };
    config.number = args.number.parse().map_err(|error| Refused(format!("--number: {error}")))?;
    config.latency.fixed = args.latency.unwrap_or_default();
    if let Some(limit) = args.rate_limit {
        config.rate_limit = Some(limit.parse().map_err(|error| Refused(format!("--rate-limit: {error}")))?);
    }
    if let Some(name) = args.api_key_env {
        config.api_key = keys::resolve(&format!("env:{name}")).map_err(Refused)?;
    }
    if let Some(url) = args.webhook_url {
        config.webhook =
            Some(webhook(url, args.webhook_rates.as_deref(), args.webhook_secret_env.as_deref())?);
    }
    let provider = config.provider;
    let running = simulator::Simulator::start(config).await?;
    line(format!(
        "a simulated {provider} listens at {}; its ledger is at {0}/_admin/summary",
        running.base_url()
    ));
    shutdown.cancelled().await;
    running.shutdown().await;
    Ok(())
}

/// The address to which the simulator posts, and the shares of statuses and replies.
fn webhook(url: String, rates: Option<&Path>, secret: Option<&str>) -> anyhow::Result<simulator::Webhook> {
    let mut webhook = match rates {
        None => simulator::Webhook::default(),
        Some(file) => {
            let wrong = |error: &dyn std::fmt::Display| Refused(format!("{}: {error}", file.display()));
            let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
            toml::from_str(&text).map_err(|error| wrong(&error))?
        }
    };
    webhook.url = url;
    if let Some(name) = secret {
        webhook.secret = Some(keys::resolve_secret(&format!("env:{name}")).map_err(Refused)?);
    }
    Ok(webhook)
}

/// PostgreSQL, after a check that the tables have this version.
async fn open(settings: &Settings) -> anyhow::Result<Store> {
    connect(settings.postgres()?).await
}

async fn connect(config: store::Config) -> anyhow::Result<Store> {
    let store = Store::connect(&config).await?;
    store.check_schema().await?;
    health::add("schema", Need::Once, || Part::word(true, "ok"));
    if let Some(run) = store.settings_to_make().await? {
        tracing::warn!("statements through PgBouncer may be slow; as a superuser run once: {run}");
    }
    Ok(store)
}
