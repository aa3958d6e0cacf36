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
    /// The address of PostgreSQL itself, if `url` leads to a pooler: for migrations, imports, exports, archives and other work outside the
    /// pool, and for following the gates. Default `url`.
    #[serde(default)]
    pub direct_url: Option<SecretString>,
    /// The address of a standby for reports, lists of campaigns, exports and `waiting`, also those of console and API. They are as old as the
    /// standby is behind. Default `direct_url`.
    #[serde(default)]
    pub report_url: Option<SecretString>,
    /// Maximum number of connections in the pool of this process. A consumer has at most 3, and one more, which watches the gates.
    /// Default 6.
    #[serde(default = "six")]
    pub connections: usize,
    /// Maximum time to wait for a free connection, and to make a new one. With several hosts in `DATABASE_URL` at least
    /// `address_timeout` for each of them. Default 5 s.
    #[serde(default = "five_seconds", with = "humantime_serde")]
    pub wait: Duration,
    /// Maximum time of a statement; imports have no limit. PostgreSQL does not apply it to the wait for a synchronous standby. Default
    /// 10 s.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Maximum time to connect to one host, if `DATABASE_URL` names several: name resolution, TCP, TLS and log-in. Then the next host is
    /// tried. Default 2 s.
    #[serde(default = "two_seconds", with = "humantime_serde")]
    pub address_timeout: Duration,
    /// Maximum time without an answer of PostgreSQL to a statement or a commit. Then the connection is dropped, and the statement is
    /// repeated on another one where that is safe. Longer than `statement_timeout`. Imports, exports and reports have no limit. If
    /// `DATABASE_URL` names several hosts, the log-in is tried after 3 s without an answer, and a host that accepts none is left at once.
    /// Default 30 s.
    #[serde(default = "thirty_seconds", with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// What follows when a standby was promoted. `hold`: nothing is sent until a person confirms the database. `trust-synchronous`: a
    /// producer confirms it if commits waited for a synchronous standby until the failover. The cluster manager must then promote
    /// synchronous standbys only. Default `hold`.
    #[serde(default)]
    pub failover: Failover,
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

/// What follows when a standby was promoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failover {
    /// A person confirms the database.
    #[default]
    Hold,
    /// A producer confirms it if commits waited for a synchronous standby until the failover.
    TrustSynchronous,
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

    /// The same database, for the metrics of the installation: one connection that cannot write, so that they are read while commits wait
    /// for a synchronous standby.
    #[must_use]
    pub fn for_measuring(&self) -> Self {
        Self { connections: 1, is_read_only: true, ..self.clone() }
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

    /// Fails if a setting cannot work.
    pub fn check(&self) -> Result<(), String> {
        let Self { address_timeout, answer_timeout, statement_timeout, .. } = self;
        if address_timeout.is_zero() {
            return Err("address_timeout is 0, so no host can be reached; use a value like \"2s\"".into());
        }
        if answer_timeout <= statement_timeout {
            return Err(format!(
                "answer_timeout ({answer_timeout:?}) is not longer than statement_timeout ({statement_timeout:?}), so slow statements would \
                 lose their connection; raise answer_timeout or lower statement_timeout"
            ));
        }
        Ok(())
    }

    /// The defaults with this address.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            direct_url: None,
            report_url: None,
            connections: six(),
            wait: five_seconds(),
            statement_timeout: ten_seconds(),
            address_timeout: two_seconds(),
            answer_timeout: thirty_seconds(),
            failover: Failover::default(),
            keeps_plans: false,
            lock_timeout: None,
            is_read_only: false,
        }
    }
}

fn six() -> usize {
    6
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}
