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
    /// Most connections this process holds at once. Default 6.
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
}

impl Config {
    /// The defaults with this address.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            connections: six(),
            wait: five_seconds(),
            statement_timeout: ten_seconds(),
            keeps_plans: false,
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
