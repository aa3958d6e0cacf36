//! The servers that `DATABASE_URL` names, and the order in which they are tried.
//!
//! The driver tries hosts in the order of the address, and its time limit covers the TCP connection only: a suspended first host would
//! stop every process. So each host has its own configuration here, and this process remembers which hosts answered.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

use crate::db::error::Error;

/// A host that failed is tried after all others for this time.
const FAILED_FOR: Duration = Duration::from_secs(10);

/// What this process knows about its addresses, by host or IP address and port.
static SEEN: Mutex<BTreeMap<String, Seen>> = Mutex::new(BTreeMap::new());

/// When an address last accepted a connection, and last failed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    worked: Option<Instant>,
    failed: Option<Instant>,
}

impl Seen {
    /// Addresses are tried in this order: the one that worked last; those that are not known, in the order of `DATABASE_URL`; those that
    /// failed a short time ago, the oldest failure first.
    fn rank(self, now: Instant) -> (bool, Option<Instant>, Reverse<Option<Instant>>) {
        let failed = self.failed.filter(|at| now.saturating_duration_since(*at) < FAILED_FOR);
        (failed.is_some(), failed, Reverse(self.worked))
    }
}

/// Sorts addresses by what this process knows about them.
pub(crate) fn sort<T>(addresses: &mut [T], name: impl Fn(&T) -> String) {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    addresses.sort_by_cached_key(|address| seen.get(&name(address)).copied().unwrap_or_default().rank(now));
}

/// Notes that an address accepted a connection.
pub(crate) fn note_worked(name: &str) {
    note(name, Seen { worked: Some(Instant::now()), failed: None });
}

/// Notes that an address failed.
pub(crate) fn note_failed(name: &str) {
    note(name, Seen { worked: None, failed: Some(Instant::now()) });
}

fn note(name: &str, seen: Seen) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), seen);
}

/// One host of `DATABASE_URL`.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Host and port.
    pub(crate) name: String,
    /// The settings of `DATABASE_URL` with this host only.
    pub(crate) config: Config,
    /// The host name that has to be resolved.
    pub(crate) to_resolve: Option<(String, u16)>,
}

/// The hosts that an address names.
pub(crate) fn servers(address: &Config) -> Result<Vec<Server>, Error> {
    let invalid = |what: &str| Err(Error::Invalid(format!("DATABASE_URL is invalid: {what}")));
    let (hosts, ips, ports) = (address.get_hosts(), address.get_hostaddrs(), address.get_ports());
    let n = hosts.len().max(ips.len());
    if n == 0 {
        return invalid("it names no host");
    }
    if !hosts.is_empty() && !ips.is_empty() && hosts.len() != ips.len() {
        return invalid("the numbers of host and hostaddr differ");
    }
    if ports.len() > 1 && ports.len() != n {
        return invalid("the numbers of hosts and ports differ");
    }
    let port = |at: usize| ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
    let mut servers: Vec<Server> =
        (0..n).map(|at| server(address, hosts.get(at), ips.get(at).copied(), port(at))).collect();
    if address.get_load_balance_hosts() == LoadBalanceHosts::Random {
        fastrand::shuffle(&mut servers);
    }
    Ok(servers)
}

fn server(address: &Config, host: Option<&Host>, ip: Option<IpAddr>, port: u16) -> Server {
    let mut config = without_host(address);
    config.port(port);
    let mut name = ip.map(|ip| ip.to_string()).unwrap_or_default();
    let mut to_resolve = None;
    match host {
        Some(Host::Tcp(host)) => {
            config.host(host);
            name.clone_from(host);
            to_resolve = ip.is_none().then(|| (host.clone(), port));
        }
        Some(Host::Unix(folder)) => {
            config.host_path(folder);
            name = folder.display().to_string();
        }
        None => {}
    }
    if let Some(ip) = ip {
        config.hostaddr(ip);
    }
    Server { name: format!("{name}:{port}"), config, to_resolve }
}

/// All settings of an address but its hosts and ports; the driver cannot remove them.
fn without_host(address: &Config) -> Config {
    let mut config = Config::new();
    if let Some(user) = address.get_user() {
        config.user(user);
    }
    if let Some(password) = address.get_password() {
        config.password(password);
    }
    if let Some(name) = address.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = address.get_options() {
        config.options(options);
    }
    if let Some(name) = address.get_application_name() {
        config.application_name(name);
    }
    if let Some(limit) = address.get_connect_timeout() {
        config.connect_timeout(*limit);
    }
    if let Some(limit) = address.get_tcp_user_timeout() {
        config.tcp_user_timeout(*limit);
    }
    if let Some(interval) = address.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = address.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    config
        .ssl_mode(address.get_ssl_mode())
        .ssl_negotiation(address.get_ssl_negotiation())
        .keepalives(address.get_keepalives())
        .keepalives_idle(address.get_keepalives_idle())
        .target_session_attrs(address.get_target_session_attrs())
        .channel_binding(address.get_channel_binding());
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Server>, Error> {
        servers(&text.parse().unwrap())
    }

    #[test]
    fn each_host_gets_all_settings_and_its_own_port() {
        let text = "postgres://me:hunter2@one:5433,two:5434/db?application_name=a&options=-c%20jit%3Doff&sslmode=require&connect_timeout=3&\
                    keepalives=0&keepalives_idle=7&keepalives_interval=8&keepalives_retries=9&tcp_user_timeout=4&\
                    target_session_attrs=read-write&channel_binding=require&sslnegotiation=direct";
        let found = of(text).unwrap();
        let names: Vec<&str> = found.iter().map(|server| &*server.name).collect();
        assert_eq!(names, ["one:5433", "two:5434"]);
        for (server, host) in found.iter().zip(["one:5433", "two:5434"]) {
            assert_eq!(server.config, text.replace("one:5433,two:5434", host).parse().unwrap());
        }
    }

    #[test]
    fn one_port_holds_for_all_hosts_and_wrong_numbers_are_refused() {
        let found = of("host=one,two port=6000 user=me").unwrap();
        assert_eq!(found[1].to_resolve, Some(("two".into(), 6000)));
        let found = of("hostaddr=10.0.0.1 user=me").unwrap();
        assert_eq!((&*found[0].name, &found[0].to_resolve), ("10.0.0.1:5432", &None));
        for (text, told) in [
            ("user=me password=hunter2", "names no host"),
            ("host=a,b,c port=1,2 password=hunter2", "hosts and ports differ"),
            ("host=a,b hostaddr=10.0.0.1 password=hunter2", "host and hostaddr differ"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_address_that_worked_last_is_first_and_those_that_failed_are_last() {
        let now = Instant::now();
        let before = |seconds| now.checked_sub(Duration::from_secs(seconds));
        let mut seen = [
            ("failed", Seen { worked: None, failed: before(1) }),
            ("new", Seen::default()),
            ("failed before", Seen { worked: None, failed: before(9) }),
            ("forgiven", Seen { worked: None, failed: before(10) }),
            ("worked before", Seen { worked: before(5), failed: None }),
            ("worked", Seen { worked: before(2), failed: None }),
        ];
        seen.sort_by_key(|(_, seen)| seen.rank(now));
        let order = seen.map(|(name, _)| name);
        assert_eq!(order, ["worked", "worked before", "new", "forgiven", "failed before", "failed"]);
    }
}
