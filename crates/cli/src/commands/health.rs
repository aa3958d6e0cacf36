//! `flowcast health`: asks a role on this machine for its health. `flowcast metrics`: prints the metrics of the installation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::args::health::{HealthArgs, Role};
use crate::exit::{Refused, Unready};
use crate::settings::Settings;
use crate::terminal::output::{line, raw};

/// The time limit for an answer. The answer comes from memory.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Prints the answer of the role, which must be ready (or alive) for the command to succeed.
pub(crate) async fn run(settings: &Settings, args: &HealthArgs) -> anyhow::Result<()> {
    let config = settings.metrics()?;
    let path = if args.alive { "/healthz" } else { "/readyz" };
    let addresses = config.addresses();
    if addresses.is_empty() {
        let problem = "[metrics] listen is none, so no process answers about its health; set an address";
        return Err(Refused(problem.into()).into());
    }
    for address in addresses {
        let Some((is_ok, answer)) = ask(of_this_machine(address), path).await else { continue };
        let role = answer["role"].as_str().unwrap_or_default();
        if args.role.is_some_and(|wanted| wanted.word() != role) {
            continue;
        }
        line(answer.to_string());
        let status = answer["status"].as_str().unwrap_or("unknown");
        return if is_ok { Ok(()) } else { Err(Unready(format!("the {role} is {status}")).into()) };
    }
    let role = args.role.map_or("role", Role::word);
    let problem = format!(
        "no {role} answers at the address of [metrics] listen within {TIMEOUT:?}; start one, or set FLOWCAST_METRICS_LISTEN as in \
         its process"
    );
    Err(Unready(problem).into())
}

/// `flowcast metrics`
pub(crate) async fn metrics(settings: &Settings) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    store.check_schema().await?;
    let text = producer::installation_metrics(&store, settings.metrics()?.campaigns).await?;
    raw(text.as_bytes());
    Ok(())
}

/// The address at which this machine reaches a listener on all addresses.
fn of_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether the answer is 200, and its body; `None` if no role of Flowcast answers.
async fn ask(address: SocketAddr, path: &str) -> Option<(bool, Value)> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    let answer = tokio::time::timeout(TIMEOUT, asked).await.ok()??;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    body.get("role")?;
    Some((head.starts_with("HTTP/1.1 200 "), body))
}
