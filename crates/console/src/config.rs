//! The settings of the web console.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use campaign::Country;
use control::{LogInRules, SecondFactorRule};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use url::Url;

/// The settings of the pages, in the section `[console]` beside those of the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address at which browsers reach the console, such as `https://flowcast.example.org`. One-time links begin with it.
    pub public_url: Option<Url>,
    /// Whether browsers reach the console by plain HTTP on this machine. The session cookie is then not limited to HTTPS. Default
    /// false.
    pub insecure_loopback: bool,
    /// The time zone in which times are shown to people whose account has none. Default `UTC`.
    pub zone: String,
    /// The country of numbers that people write without a country code, as two letters such as `KE`; uploads of lists begin with it.
    /// Default: numbers need their country code.
    pub country: Option<String>,
    /// A session without a request for this time ends. Default 1 h.
    #[serde(with = "humantime_serde")]
    pub session_idle: Duration,
    /// A session ends after this time in any case. Default 12 h.
    #[serde(with = "humantime_serde")]
    pub session_longest: Duration,
    /// The source of the key from which the secrets of authenticator apps are derived: `env:NAME` or `file:PATH`. Without a key there
    /// are no second factors.
    pub key: Option<String>,
    /// Whose log-ins need a code of an authenticator app, if there is a key: `optional` (nobody's), `operators` (and admins) or
    /// `everyone`. Default `operators`.
    pub second_factor: SecondFactorRule,
    /// A campaign with more recipients than this is started by two people: one requests the start, and another one starts it.
    /// Default: one person starts any campaign.
    pub approval_above: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        let rules = LogInRules::default();
        Self {
            public_url: None,
            insecure_loopback: false,
            zone: "UTC".into(),
            country: None,
            session_idle: rules.idle,
            session_longest: rules.longest,
            key: None,
            second_factor: SecondFactorRule::default(),
            approval_above: None,
        }
    }
}

impl Config {
    /// The settings of `[console]` that are read here; the API reads the others.
    pub const KEYS: [&str; 9] = [
        "public_url",
        "insecure_loopback",
        "zone",
        "country",
        "session_idle",
        "session_longest",
        "key",
        "second_factor",
        "approval_above",
    ];

    /// Checks the settings; `listen` is the address of the listener. The error names the first invalid one.
    pub fn check(&self, listen: SocketAddr) -> Result<(), String> {
        if self.insecure_loopback && !listen.ip().is_loopback() {
            return Err(format!(
                "insecure_loopback is set, but listen is {listen}, which other machines can reach; listen at 127.0.0.1, or remove \
                 insecure_loopback and put a proxy with TLS in front"
            ));
        }
        if let Some(url) = self.public_url.as_ref().filter(|url| {
            url.scheme() != "https" && !(self.insecure_loopback && url.scheme() == "http")
                || url.host().is_none()
        }) {
            return Err(format!(
                "public_url is {url}; write the https address at which browsers reach the console"
            ));
        }
        if TimeZone::get(&self.zone).is_err() {
            return Err(format!(
                "zone is '{}', which is not a time zone; write one like Africa/Nairobi",
                self.zone
            ));
        }
        if let Some(country) = self.country.as_ref().filter(|country| country.parse::<Country>().is_err()) {
            return Err(format!("country is '{country}', which is not a country; write two letters like KE"));
        }
        if self.session_idle.is_zero() || self.session_idle > self.session_longest {
            return Err(
                "session_idle is 0 or longer than session_longest; set it to a time such as 1h".into()
            );
        }
        Ok(())
    }

    /// The rules of sessions and passwords.
    pub fn log_in_rules(&self) -> LogInRules {
        let host = self.public_url.as_ref().and_then(|url| url.host_str());
        LogInRules {
            idle: self.session_idle,
            longest: self.session_longest,
            words: host.map(str::to_owned).into_iter().collect(),
            ..LogInRules::default()
        }
    }

    /// The address of the console without a slash at its end.
    pub fn base(&self, listen: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{listen}"),
        }
    }
}

/// What the console knows of the listener: proxies whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Proxies(pub(crate) Vec<IpNet>);

impl Proxies {
    /// The address of the client of a connection.
    pub(crate) fn client(&self, peer: IpAddr, headers: &axum::http::HeaderMap) -> IpAddr {
        listener::client_address::of(peer, headers, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ([u8; 4], u16) = ([127, 0, 0, 1], 8081);

    fn refused(config: &Config, listen: SocketAddr) -> String {
        config.check(listen).unwrap_err()
    }

    #[test]
    fn the_default_is_valid_and_wrong_settings_are_named() {
        let here = SocketAddr::from(HERE);
        Config::default().check(here).unwrap();
        let open = Config { insecure_loopback: true, ..Config::default() };
        open.check(here).unwrap();
        assert!(refused(&open, ([0, 0, 0, 0], 8081).into()).starts_with("insecure_loopback is set"));
        let plain = Config { public_url: "http://example.org".parse().ok(), ..Config::default() };
        assert!(refused(&plain, here).starts_with("public_url is http://example.org/"));
        let zone = Config { zone: "Nairobi".into(), ..Config::default() };
        assert!(refused(&zone, here).contains("write one like Africa/Nairobi"));
        let country = Config { country: Some("Kenya".into()), ..Config::default() };
        assert!(refused(&country, here).contains("write two letters like KE"));
        let idle = Config { session_idle: Duration::from_hours(13), ..Config::default() };
        assert!(refused(&idle, here).starts_with("session_idle"));
    }

    #[test]
    fn the_keys_are_the_members() {
        let members = toml::Table::try_from(Config {
            public_url: "https://example.org".parse().ok(),
            country: Some("KE".into()),
            key: Some("env:KEY".into()),
            approval_above: Some(50_000),
            ..Config::default()
        });
        let members: Vec<String> = members.unwrap().keys().cloned().collect();
        assert_eq!(members, {
            let mut keys = Config::KEYS.map(str::to_owned).to_vec();
            keys.sort();
            keys
        });
    }

    #[test]
    fn a_password_may_not_contain_the_host_of_the_console() {
        let config = Config { public_url: "https://send.example.org".parse().ok(), ..Config::default() };
        assert_eq!(config.log_in_rules().words, ["send.example.org"]);
        assert_eq!(config.base(HERE.into()), "https://send.example.org");
        assert_eq!(Config::default().base(HERE.into()), "http://127.0.0.1:8081");
    }
}
