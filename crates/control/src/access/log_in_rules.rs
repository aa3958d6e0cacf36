//! Rules of log-ins, sessions, links and API keys.

use std::time::Duration;

/// How long sessions and links are valid, and which words a password must not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogInRules {
    /// A session without a request for this time ends.
    pub idle: Duration,
    /// A session ends after this time in any case.
    pub longest: Duration,
    /// After a log-in, actions that need a fresh log-in are allowed for this time.
    pub fresh: Duration,
    /// The time for which a one-time link is valid.
    pub link: Duration,
    /// Words of the installation that a password must not contain, such as the host name of the console.
    pub words: Vec<String>,
}

impl Default for LogInRules {
    fn default() -> Self {
        Self {
            idle: Duration::from_hours(1),
            longest: Duration::from_hours(12),
            fresh: Duration::from_mins(10),
            link: Duration::from_hours(1),
            words: Vec::new(),
        }
    }
}
