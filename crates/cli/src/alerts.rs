//! Alerts: calls a command or posts to an address when a sender or campaign stops and when it runs again.
//!
//! Alerts run in the producers. The database gives each alert to one producer.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use notifier::{PostError, Poster};
use serde::Deserialize;
use serde_json::Value;
use store::{Alert, Store};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The receiver of alerts. Without a command or an address there are no alerts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// A program and its arguments; it gets a JSON object on standard input.
    pub(crate) command: Vec<String>,
    /// An address to which the JSON object is posted.
    pub(crate) url: Option<Url>,
    /// How long a call may take. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
    /// The most attempts for one alert, with growing pauses. Default 8.
    pub(crate) attempts: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { command: Vec::new(), url: None, timeout: Duration::from_secs(10), attempts: 8 }
    }
}

impl Config {
    /// Returns a contradiction or an invalid setting.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.command.is_empty() && self.url.is_some() {
            return Err("alerts.command and alerts.url are both set; an alert is sent once; keep one".into());
        }
        if let Some(url) = &self.url {
            check_url(url)?;
        }
        if self.attempts == 0 {
            return Err("alerts.attempts is 0, so no alert would be sent; write 1 or more".into());
        }
        Ok(())
    }

    fn is_off(&self) -> bool {
        self.command.is_empty() && self.url.is_none()
    }
}

/// Refuses addresses that cannot be alert receivers: other schemes, and addresses at which clouds hand out credentials.
fn check_url(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("alerts.url has the scheme {}; write an https address", url.scheme()));
    }
    let is_metadata = match url.host() {
        Some(Host::Ipv4(host)) => is_metadata_v4(host),
        Some(Host::Ipv6(host)) => {
            let is_link_local = host.segments()[0] & 0xffc0 == 0xfe80;
            let is_amazons = host == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            is_link_local || is_amazons || host.to_ipv4_mapped().is_some_and(is_metadata_v4)
        }
        Some(Host::Domain(host)) => {
            let host = host.trim_end_matches('.');
            host == "metadata"
                || host.ends_with("metadata.google.internal")
                || host.ends_with("metadata.goog")
        }
        None => return Err("alerts.url has no host; write an https address".into()),
    };
    if is_metadata {
        return Err(
            "alerts.url is the metadata service of a cloud; write the address of your receiver".into()
        );
    }
    Ok(())
}

/// Link-local addresses (Amazon, Google, Microsoft and others), and the addresses of Alibaba and Oracle.
fn is_metadata_v4(host: Ipv4Addr) -> bool {
    host.is_link_local() || host == Ipv4Addr::new(100, 100, 100, 200) || host == Ipv4Addr::new(192, 0, 0, 192)
}

/// Sends alerts until `shutdown`. Returns at once if no receiver is configured.
pub(crate) async fn run(config: Config, store: Store, poster: Poster, shutdown: CancellationToken) {
    if config.is_off() {
        return;
    }
    while !shutdown.is_cancelled() {
        match store.take_alert(config.timeout * 2).await {
            Ok(Some(alert)) => deliver(&config, &store, &poster, alert).await,
            Ok(None) => pause(&shutdown).await,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot read alerts: {error}");
                pause(&shutdown).await;
            }
        }
    }
}

async fn pause(shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
    }
}

async fn deliver(config: &Config, store: &Store, poster: &Poster, alert: Alert) {
    let called = tokio::time::timeout(config.timeout, call(config, poster, &alert))
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the alert receiver took longer than {:?}", config.timeout)));
    let tried = u16::try_from(alert.attempts).unwrap_or(u16::MAX);
    let noted = match called {
        Ok(()) => store.alert_done(&alert.id).await,
        Err(error) if tried >= config.attempts => {
            tracing::error!(error = %format!("{error:#}"), "an alert was given up after {tried} attempts: {error:#}");
            store.alert_done(&alert.id).await
        }
        Err(error) => {
            tracing::warn!(error = %format!("{error:#}"), tried, "an alert was not delivered: {error:#}");
            let longest = Duration::from_mins(5);
            let pause = campaign::backoff(Duration::from_secs(1), longest, tried, fastrand::f64());
            store.alert_failed(&alert.id, pause).await
        }
    };
    if let Err(error) = noted {
        tracing::warn!(error = &error as &dyn std::error::Error, "an alert may be delivered twice: {error}");
    }
}

/// Posts the alert, not signed. Any status other than 2xx is an error. No error contains the address, which may be secret.
async fn post(poster: &Poster, url: &Url, body: &Value, limit: Duration) -> anyhow::Result<()> {
    match poster.post(url, None, body.to_string().into_bytes(), limit).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => anyhow::bail!("the webhook answers with HTTP status {}", answer.status),
        Err(PostError::Unreachable(why)) => anyhow::bail!("the webhook does not answer: {why}"),
        Err(error) => Err(error.into()),
    }
}

async fn call(config: &Config, poster: &Poster, alert: &Alert) -> anyhow::Result<()> {
    if let Some(url) = &config.url {
        return post(poster, url, &alert.body, config.timeout).await;
    }
    let Some((program, arguments)) = config.command.split_first() else { return Ok(()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start alerts.command {program}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A program may succeed without reading its input.
        input.write_all(alert.body.to_string().as_bytes()).await.ok();
    }
    let status = child.wait().await?;
    anyhow::ensure!(status.success(), "alerts.command {program} ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_a_receiver_is_refused() {
        let check = |url: &str| Config { url: url.parse().ok(), ..Config::default() }.check();
        for url in [
            "https://alerts.example.com/x",
            "http://127.0.0.1:9000/",
            "http://alertmanager:9093/",
            "http://10.0.0.7/",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for (url, expected) in [
            ("file:///etc/passwd", "scheme file"),
            ("ftp://a/", "scheme ftp"),
            ("unix:/run/x", "scheme unix"),
            ("http://169.254.169.254/latest/meta-data/", "metadata service"),
            ("http://[fd00:ec2::254]/", "metadata service"),
            ("http://[::ffff:169.254.169.254]/", "metadata service"),
            ("http://[fe80::1]/", "metadata service"),
            ("http://metadata.google.internal./x", "metadata service"),
            ("http://100.100.100.200/", "metadata service"),
            ("http://2852039166/", "metadata service"),
        ] {
            assert!(check(url).unwrap_err().contains(expected), "{url}");
        }
    }

    #[test]
    fn two_receivers_or_no_attempt_are_refused() {
        assert!(Config::default().check().is_ok());
        let both = Config { command: vec!["a".into()], url: "http://b".parse().ok(), ..Config::default() };
        assert!(both.check().unwrap_err().contains("keep one"));
        assert!(Config { attempts: 0, ..Config::default() }.check().unwrap_err().contains("attempts is 0"));
    }
}
