//! The webhook of the simulated provider: the URL, and the rates of the events.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Latency};

/// Where the events of accepted messages are posted, and how often each event happens. Every rate is a fraction from 0 to 1.
/// `Default` posts sent, delivered and read for each message, immediately and in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The URL, plain http only: `http://127.0.0.1:8080/webhook/…`.
    pub url: String,
    /// Meta: the app secret that signs the posts. Other providers: `user:password` of Basic authentication. Default none.
    pub secret: Option<SecretString>,
    /// The delay between one event of a message and the next. A jitter longer than the fixed part changes their order.
    pub after: Latency,
    /// Fraction of messages whose first receipt is posted immediately, before the answer, which waits for its latency.
    pub early: f64,
    /// Fraction of events that are posted twice.
    pub doubled: f64,
    /// Fraction of events that are never posted.
    pub lost: f64,
    /// Fraction of events that are posted up to `late_by` later, out of order.
    pub late: f64,
    /// The maximum delay of a late event; default 1 s.
    #[serde(with = "humantime_serde")]
    pub late_by: Duration,
    /// Fraction of delivered messages that are read; default 1.
    pub read: f64,
    /// Fraction of accepted messages that fail later, with `failed_code`.
    pub failed: f64,
    /// The error code of failed messages; default `131026`.
    pub failed_code: String,
    /// Fraction of read messages whose flow is completed.
    pub answered: f64,
    /// The fields of the completed flow, each with its possible values; one value is chosen at random.
    pub form: BTreeMap<String, Vec<Value>>,
    /// Fraction of delivered messages that the recipient answers with `opt_out_word`.
    pub opted_out: f64,
    /// The text of an opt-out; default `STOP`.
    pub opt_out_word: String,
}

impl Default for Webhook {
    fn default() -> Self {
        let form = [("rating", vec![1.into(), 2.into(), 3.into(), 4.into(), 5.into()])];
        Self {
            url: String::new(),
            secret: None,
            after: Latency::default(),
            early: 0.0,
            doubled: 0.0,
            lost: 0.0,
            late: 0.0,
            late_by: Duration::from_secs(1),
            read: 1.0,
            failed: 0.0,
            failed_code: "131026".to_owned(),
            answered: 0.0,
            form: form.into_iter().map(|(name, values)| (name.to_owned(), values)).collect(),
            opted_out: 0.0,
            opt_out_word: "STOP".to_owned(),
        }
    }
}

impl Webhook {
    /// Checks the URL and the rates; returns host (with port) and path of the URL.
    pub(crate) fn check(&self) -> Result<(String, String), Error> {
        let rates = [
            self.early,
            self.doubled,
            self.lost,
            self.late,
            self.read,
            self.failed,
            self.answered,
            self.opted_out,
        ];
        if rates.iter().any(|rate| !(0.0..=1.0).contains(rate)) {
            return Err(Error::invalid("a rate of the webhook must lie between 0 and 1"));
        }
        let rest = self.url.strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid("the webhook's url must look like http://127.0.0.1:8080/webhook/…"));
        }
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok((host, format!("/{path}")))
    }
}

/// The number of webhook posts so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookCounts {
    /// Events that were posted or will be, including duplicates.
    pub planned: u64,
    /// Planned events that were answered 2xx.
    pub taken: u64,
    /// Posts with another answer, or without one; the event is posted again.
    pub refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_must_be_http_and_the_rates_fractions() {
        let with = |url: &str| Webhook { url: url.to_owned(), ..Webhook::default() };
        assert_eq!(with("http://h:1/a/b").check().unwrap(), ("h:1".into(), "/a/b".into()));
        assert_eq!(with("http://h").check().unwrap(), ("h:80".into(), "/".into()));
        for wrong in ["", "https://h/a", "http://", "h:1/a"] {
            assert!(with(wrong).check().is_err(), "{wrong}");
        }
        assert!(Webhook { read: 1.5, ..with("http://h:1/a") }.check().is_err());
    }
}
