//! What comes back from the simulated provider: where it is posted, and at what rates what happens.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Latency};

/// Posts what became of accepted messages. Every rate is a share from 0 to 1 of the messages; `Default` posts sent, delivered and
/// read of each, at once and in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// Where to post, plain http only: `http://127.0.0.1:8080/webhook/…`.
    pub url: String,
    /// Meta: the app secret that posts are signed with. The others: `user:password` of Basic auth. Default none.
    pub secret: Option<SecretString>,
    /// How long after the one before each piece of news is posted; a jitter longer than the fixed part disorders them.
    pub after: Latency,
    /// Messages whose first receipt is posted at once, while the answer still waits for its latency.
    pub early: f64,
    /// Pieces of news that are posted twice.
    pub doubled: f64,
    /// Pieces of news that are never posted.
    pub lost: f64,
    /// Pieces of news that are posted later by up to `late_by`, out of their order.
    pub late: f64,
    /// See `late`; default 1 s.
    #[serde(with = "humantime_serde")]
    pub late_by: Duration,
    /// Delivered messages that are read; default 1.
    pub read: f64,
    /// Messages that fail after having been accepted, with `failed_code`.
    pub failed: f64,
    /// The code of failed messages; default `131026`.
    pub failed_code: String,
    /// Read messages whose form is completed.
    pub answered: f64,
    /// The form: what each field may hold, of which one is chosen.
    pub form: BTreeMap<String, Vec<Value>>,
    /// Delivered messages that are answered by `opt_out_word`.
    pub opted_out: f64,
    /// Default `STOP`.
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
    /// Host and path of the address, and whether the rates are shares.
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

/// What was posted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Returned {
    /// Pieces of news that are to be posted or were, doubles included.
    pub planned: u64,
    /// Of them, those that were answered with a 2xx.
    pub taken: u64,
    /// Answers of another kind, and posts without an answer; each is tried again.
    pub refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_shares_are_wanted() {
        let with = |url: &str| Webhook { url: url.to_owned(), ..Webhook::default() };
        assert_eq!(with("http://h:1/a/b").check().unwrap(), ("h:1".into(), "/a/b".into()));
        assert_eq!(with("http://h").check().unwrap(), ("h:80".into(), "/".into()));
        for wrong in ["", "https://h/a", "http://", "h:1/a"] {
            assert!(with(wrong).check().is_err(), "{wrong}");
        }
        assert!(Webhook { read: 1.5, ..with("http://h:1/a") }.check().is_err());
    }
}
