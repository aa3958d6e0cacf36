//! Settings of the connection to PostgreSQL.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// Settings of the connection to PostgreSQL and its time limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host/database`, with `?sslmode=require` off the own machine.
    pub url: SecretString,
    /// Maximum number of connections in the pool of this process. A consumer has at most 3, and one more, which watches the gates.
    /// Default 6.
    #[serde(default = "six")]
    pub connections: usize,
    /// Maximum time to wait for a free connection, and to make a new one. Default 5 s.
    #[serde(default = "five_seconds", with = "humantime_serde")]
    pub wait: Duration,
    /// Maximum time of a statement; imports have no limit. Default 10 s.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Whether a statement is planned once per connection (`force_generic_plan`). For processes that use few statements, about
    /// rows that the statement names. Not a setting of the file: the role sets it.
    #[serde(skip)]
    pub keeps_plans: bool,
    /// Maximum time to wait for a lock, in maintenance jobs: a statement that waits for a lock makes others wait behind it.
    /// `None`: no limit. Not a setting of the file.
    #[serde(skip)]
    pub lock_timeout: Option<Duration>,
    /// Whether PostgreSQL refuses writes of these connections. Not a setting of the file.
    #[serde(skip)]
    pub is_read_only: bool,
}

/// Connections of a consumer: one for claims, one for records, and one for everything else.
const SENDING_CONNECTIONS: usize = 3;
/// Connections of a process for maintenance jobs, in addition to its pool.
const MAINTENANCE_CONNECTIONS: usize = 2;
/// Connections of a process for following campaigns, in addition to its pool.
const WATCHING_CONNECTIONS: usize = 2;
/// Maximum time of a statement that follows campaigns.
const WATCHING_STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time that a maintenance job waits for a lock. The job is repeated, so it can give up early.
const MAINTENANCE_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

impl Config {
    /// The same database, for a consumer: few connections, because it makes few statements at a time, and plans that are kept.
    #[must_use]
    pub fn for_sending(&self) -> Self {
        Self { connections: self.connections.min(SENDING_CONNECTIONS), keeps_plans: true, ..self.clone() }
    }

    /// The same database, for maintenance jobs: few connections, and short waits for locks.
    #[must_use]
    pub fn for_maintenance(&self) -> Self {
        Self {
            connections: self.connections.min(MAINTENANCE_CONNECTIONS),
            lock_timeout: Some(MAINTENANCE_LOCK_TIMEOUT),
            ..self.clone()
        }
    }

    /// The same database, for readers that follow campaigns: few connections that cannot write, and short statements. Behind a
    /// pooler in transaction mode the settings are those of the role.
    #[must_use]
    pub fn for_watching(&self) -> Self {
        Self {
            connections: self.connections.min(WATCHING_CONNECTIONS),
            statement_timeout: self.statement_timeout.min(WATCHING_STATEMENT_TIMEOUT),
            is_read_only: true,
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
            is_read_only: false,
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
