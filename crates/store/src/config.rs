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
}

impl Config {
    /// The defaults with this address.
    pub fn new(url: SecretString) -> Self {
        Self { url, connections: six(), wait: five_seconds(), statement_timeout: ten_seconds() }
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
