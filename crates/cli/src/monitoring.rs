//! Metrics and health of a role: the listener, and the notifications for systemd.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use listener::Limits;
use telemetry::{BuildInfo, Config, Exporter, Instrument, Notifier, health};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exit::Refused;
use crate::settings::Settings;
use crate::version;

/// Starts the listener of a role. It answers until the process ends, also while the role drains.
pub(crate) async fn start(
    settings: &Settings,
    role: &'static str,
    of_process: &[&[&'static dyn Instrument]],
    of_installation: &[&'static dyn Instrument],
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let config = settings.metrics()?;
    tracing::info!("flowcast {} starts as {role}", version::SHOWN);
    let build = BuildInfo { version: version::VERSION, commit: version::COMMIT };
    health::begin(role);
    let exporter = Exporter::new(role, build, &config, of_process, of_installation);
    let watchdog = std::env::var("WATCHDOG_USEC").ok();
    let notifier = Notifier::new(std::env::var_os("NOTIFY_SOCKET").as_deref(), watchdog.as_deref())
        .map_err(|error| Refused(format!("cannot use NOTIFY_SOCKET of systemd: {error}")))?;
    tokio::spawn(notifier.run(shutdown.clone()));
    let Some(listener) = bind(&config).await? else { return Ok(()) };
    tracing::info!("metrics and health are at http://{}/metrics and /readyz", listener.local_addr()?);
    let router = telemetry::router(Arc::new(exporter));
    tokio::spawn(async move {
        listener::listen(listener, router, &limits(), CancellationToken::new()).await;
    });
    Ok(())
}

/// Binds the first address that is free. A set address has to be free; without one the role also runs without a listener.
async fn bind(config: &Config) -> Result<Option<TcpListener>, Refused> {
    let addresses = config.addresses();
    for address in &addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(Some(listener)),
            Err(error) if config.listen.is_some() => return Err(in_use(*address, &error)),
            Err(error) => tracing::debug!(%error, "cannot listen at {address} for metrics: {error}"),
        }
    }
    if let (Some(first), Some(last)) = (addresses.first(), addresses.last()) {
        tracing::warn!(
            "no port from {first} to {last} is free for metrics and health, so this process has no listener for them; \
             set FLOWCAST_METRICS_LISTEN to a free address, or to none"
        );
    }
    Ok(None)
}

fn in_use(address: SocketAddr, error: &std::io::Error) -> Refused {
    Refused(format!(
        "cannot listen at {address} for metrics and health: {error}; give each process on a machine an address of its own with \
         FLOWCAST_METRICS_LISTEN or [metrics] listen, or write none"
    ))
}

/// Few connections: Prometheus, probes, and a person who looks.
fn limits() -> Limits {
    Limits {
        section: "metrics",
        connections: 64,
        connections_per_address: 32,
        trusted_proxies: Vec::new(),
        read_timeout: Duration::from_secs(5),
        drain: Duration::ZERO,
    }
}
