//! How to reach Postgres.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// How to reach Postgres and how long to wait for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host/database`, with `?sslmode=require` off the own machine.
    pub url: SecretString,
    /// Most connections this process holds in its pool; a consumer holds one more, which watches the gates. Default 6.
    #[serde(default = "six")]
    pub connections: usize,
    /// Longest wait for a free connection, and for a new one to be made. Default 5 s.
    #[serde(default = "five_seconds", with = "humantime_serde")]
    pub wait: Duration,
    /// Longest a statement may run; imports are not bound by it. Default 10 s.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Whether Postgres plans each statement once a connection: for a process that asks few different ones, of rows it names.
    /// Not a setting: who runs the process knows.
    #[serde(skip)]
    pub keeps_plans: bool,
    /// Longest wait for a lock, for maintenance: what waits for a lock makes others wait behind it. `None` is without a limit.
    /// Not a setting, as above.
    #[serde(skip)]
    pub lock_timeout: Option<Duration>,
}

/// Connections of a process for its maintenance jobs, beside those of its pool.
const MAINTENANCE_CONNECTIONS: usize = 2;
/// Longest wait of a maintenance job for a lock. The job is run again, so it can give way soon.
const MAINTENANCE_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

impl Config {
    /// The same Postgres, for maintenance jobs: few connections, and short waits for locks.
    #[must_use]
    pub fn for_maintenance(&self) -> Self {
        Self {
            connections: self.connections.min(MAINTENANCE_CONNECTIONS),
            lock_timeout: Some(MAINTENANCE_LOCK_TIMEOUT),
            ..self.clone()
        }
    }

    /// The defaults with this address.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            connections: six(),
            wait: five_seconds(),
            statement_timeout: ten_seconds(),
            keeps_plans: false,
            lock_timeout: None,
        }
    }
}

fn six() -> usize {
    6
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
