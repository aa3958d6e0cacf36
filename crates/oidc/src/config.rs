//! The settings of the section `[oidc]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// How people log in with the account of their company. Without an issuer they log in with passwords only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The issuer: the https address of the OpenID provider, letter by letter as its metadata names it.
    pub issuer: Option<String>,
    /// The id of the client that is registered at the provider.
    pub client_id: String,
    /// The source of the secret of the client: `env:NAME` or `file:PATH`.
    pub client_secret: String,
    /// What the account is called on the log-in page. Default `your company account`.
    pub name: String,
    /// The scopes to ask for beside `openid`. Default `profile` and `email`.
    pub scopes: Vec<String>,
    /// The claim of the ID token that lists the groups of a person. Default `groups`.
    pub groups_claim: String,
    /// The role of each group: `viewer`, `marketer`, `operator` or `admin`. Who has no such group cannot log in.
    pub roles: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: String::new(),
            client_secret: String::new(),
            name: "your company account".into(),
            scopes: vec!["profile".into(), "email".into()],
            groups_claim: "groups".into(),
            roles: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Checks the settings. The error names the first invalid one.
    pub fn check(&self) -> Result<(), String> {
        let Some(issuer) = &self.issuer else { return Ok(()) };
        let is_loopback = match Url::parse(issuer).ok().as_ref().and_then(Url::host) {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        };
        let is_https = Url::parse(issuer).is_ok_and(|issuer| issuer.scheme() == "https");
        if !is_https && !is_loopback {
            return Err(format!("issuer is {issuer}; write the https address of the OpenID provider"));
        }
        if self.client_id.is_empty() || self.client_secret.is_empty() {
            return Err("client_id or client_secret is missing; register Flowcast at the OpenID provider, and write both".into());
        }
        if self.roles.is_empty() {
            return Err(
                "roles is empty, so nobody could log in; write one like { \"marketing\" = \"marketer\" }"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_named() {
        let config = |issuer: &str| Config {
            issuer: Some(issuer.to_owned()),
            client_id: "flowcast".into(),
            client_secret: "env:X".into(),
            roles: [("it".to_owned(), "admin".to_owned())].into(),
            ..Config::default()
        };
        assert_eq!(Config::default().check(), Ok(()));
        assert_eq!(
            (config("https://login.example").check(), config("http://127.0.0.1:1").check()),
            (Ok(()), Ok(()))
        );
        for (wrong, named) in [
            (config("http://login.example"), "issuer"),
            (Config { client_id: String::new(), ..config("https://login.example") }, "client_id"),
            (Config { roles: BTreeMap::new(), ..config("https://login.example") }, "roles"),
        ] {
            let error = wrong.check().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
