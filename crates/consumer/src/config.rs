//! The `[consumer]` section of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// Time to record the outcome of the slowest request, with a margin.
pub(crate) const RECORDING: Duration = Duration::from_secs(5);

/// Resolves an API key reference such as `env:NAME` or `file:PATH`; the error says what to do.
pub type KeyResolver = Arc<dyn Fn(&str) -> Result<SecretString, String> + Send + Sync>;

/// The `[consumer]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Names of the senders that this worker sends for; empty means all senders.
    pub senders: Vec<String>,
    /// The least workers that work for a sender. A sender with a rate has one worker for each 100/s of it, and one more for each
    /// worker that has no request left; a sender without a rate has all workers. The same for all workers. Default 1.
    pub workers_per_sender: u16,
    /// Threads of the process, at most the number of cores. Default 2.
    pub threads: u16,
    /// Most recipients in flight for one sender, from the claim to the record. A killed worker leaves at most this many
    /// recipients `unknown`, with a `journal` only those whose requests may have left. Default 1,200.
    pub in_flight: u16,
    /// Most open requests for one sender, each on a connection of its own. Default 300.
    pub requests: u16,
    /// Most recipients of one claim; at most `in_flight`. Default 400.
    pub batch: u16,
    /// Lease of a claim; longer than the slowest request and its recording. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Time for open requests to end after the signal to stop. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// The directory of departure journals, on a local file system; created if it is missing. Consumers on one machine share it. If one is
    /// killed, another or the next one gives back recipients whose requests had not left. Without it they become `unknown`.
    pub journal: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            senders: Vec::new(),
            workers_per_sender: 1,
            threads: 2,
            in_flight: 1_200,
            requests: 300,
            batch: 400,
            lease: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            journal: None,
        }
    }
}

impl Config {
    /// Checks the values against the request timeout; the error says what to write.
    pub fn check(&self, request_timeout: Duration) -> Result<(), String> {
        let counted = [self.workers_per_sender, self.threads, self.in_flight, self.requests, self.batch];
        if counted.contains(&0) {
            return Err(
                "consumer.workers_per_sender, threads, in_flight, requests and batch must be 1 or more"
                    .into(),
            );
        }
        if self.journal.as_ref().is_some_and(|directory| directory.as_os_str().is_empty()) {
            return Err("consumer.journal is empty; name a directory, or leave the setting out".into());
        }
        let longest = request_timeout + RECORDING;
        if self.lease < longest * 2 {
            return Err(format!(
                "consumer.lease is {:?}, too short for http.timeout; write at least {:?} (twice http.timeout and {RECORDING:?} for \
                 recording)",
                self.lease,
                longest * 2
            ));
        }
        Ok(())
    }

    /// The number of threads on a machine with this many cores.
    pub fn threads_on(&self, cores: usize) -> usize {
        cores.clamp(1, self.threads.max(1).into())
    }

    /// Most recipients of one claim.
    pub(crate) fn most_claimed(&self) -> u16 {
        self.batch.min(self.in_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_threads_than_cores_and_one_at_least() {
        let on = |threads, cores| Config { threads, ..Config::default() }.threads_on(cores);
        assert_eq!([on(2, 8), on(2, 2), on(2, 1), on(1, 8), on(2, 0)], [2, 2, 1, 1, 1]);
    }

    #[test]
    fn nothing_that_is_counted_may_be_none() {
        let all = Config::default();
        let timeout = Duration::from_secs(10);
        assert_eq!(all.check(timeout), Ok(()));
        for none in [
            Config { workers_per_sender: 0, ..all.clone() },
            Config { threads: 0, ..all.clone() },
            Config { in_flight: 0, ..all.clone() },
            Config { requests: 0, ..all.clone() },
            Config { batch: 0, ..all.clone() },
        ] {
            let says = none.check(timeout).unwrap_err();
            let must =
                "consumer.workers_per_sender, threads, in_flight, requests and batch must be 1 or more";
            assert_eq!(says, must);
        }
        let says = Config { journal: Some(PathBuf::new()), ..all }.check(timeout).unwrap_err();
        assert_eq!(says, "consumer.journal is empty; name a directory, or leave the setting out");
    }
}
