//! A sender's account at its provider, and its checks before the first request.

use std::fmt;

use campaign::Provider;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::error::Error;

/// The account of a sender: provider, base URL, number and key. [`crate::Channel::new`] checks it.
#[derive(Clone)]
pub struct Account {
    /// The provider.
    pub provider: Provider,
    /// Scheme, host and port only; the adapter of the provider adds the path.
    pub base_url: Url,
    /// The provider's id of the account, if the provider has one (Kaleyra: SID, 1msg: instance id, Meta: phone number id).
    pub account: Option<String>,
    /// Our business number, with or without `+`.
    pub number: String,
    /// The key.
    pub api_key: SecretString,
    /// Whether the number in the path has a `+`. Kaleyra's documentation has it; customers use both forms.
    pub plus_in_path: bool,
    /// The version of the Graph API, such as `v23.0`; `None`: the version that the adapter implements. Only Meta has versions.
    pub api_version: Option<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("provider", &self.provider)
            .field("host", &self.base_url.host_str())
            .finish_non_exhaustive()
    }
}

impl Account {
    /// The base URL, if a key may be sent there.
    pub(crate) fn checked_base(&self, allow_plain_http: bool) -> Result<Url, Error> {
        let wrong = |reason| Err(Error::Account { field: "base URL", reason });
        let url = &self.base_url;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return wrong("is not an http or https URL; use a URL like https://api.in.kaleyra.io");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("contains a user or a password; remove them, the key has its own setting");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return wrong("has a path or a query; use scheme and host only, like https://api.in.kaleyra.io");
        }
        if url.scheme() == "http" && !allow_plain_http && !is_loopback(url) {
            return wrong(
                "is plain http, which does not protect key and numbers; use https, or set http.allow_plain_http",
            );
        }
        Ok(url.clone())
    }

    /// The digits of our business number.
    pub(crate) fn checked_number(&self) -> Result<&str, Error> {
        let digits = self.number.strip_prefix('+').unwrap_or(&self.number);
        let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(Error::Account {
                field: "number",
                reason: "is not a phone number; use 7 to 15 digits with the country code",
            });
        }
        Ok(digits)
    }

    /// The account id, checked for use in a path.
    pub(crate) fn checked_account(&self) -> Result<&str, Error> {
        let wrong = |reason| Err(Error::Account { field: "account", reason });
        match self.account.as_deref() {
            None | Some("") => wrong(
                "is missing; set the account id (Kaleyra: the SID, 1msg: the instance id, Meta: the phone number id)",
            ),
            Some(id) if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => wrong(
                "has characters other than letters and digits; set the account id as the provider shows it",
            ),
            Some(id) => Ok(id),
        }
    }

    /// The version in the path, or `default`.
    pub(crate) fn checked_version<'a>(&'a self, default: &'a str) -> Result<&'a str, Error> {
        let Some(version) = self.api_version.as_deref() else { return Ok(default) };
        let is_number =
            |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let parts = version.strip_prefix('v').and_then(|version| version.split_once('.'));
        if parts.is_some_and(|(major, minor)| is_number(major) && is_number(minor)) {
            return Ok(version);
        }
        Err(Error::Account { field: "API version", reason: "is not a version; use one like v23.0" })
    }

    /// The key as a header value that `Debug` does not show.
    pub(crate) fn checked_key(&self) -> Result<HeaderValue, Error> {
        header(self.checked_token()?)
    }

    /// The key as `Authorization: Bearer`.
    pub(crate) fn checked_bearer(&self) -> Result<HeaderValue, Error> {
        header(&format!("Bearer {}", self.checked_token()?))
    }

    /// The key itself, for a URL that must contain it.
    pub(crate) fn checked_token(&self) -> Result<&str, Error> {
        let wrong = |reason| Err(Error::Account { field: "key", reason });
        let key = self.api_key.expose_secret();
        if key.is_empty() {
            return wrong("is empty; check the variable or file that contains it");
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong(
                "contains a space, a line break or another invalid character; check the variable or file that contains it",
            );
        }
        Ok(key)
    }
}

fn header(key: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(key)
        .map_err(|_| Error::Account { field: "key", reason: "cannot be sent in a header" })?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn account(base_url: &str) -> Account {
        Account {
            provider: Provider::Kaleyra,
            base_url: base_url.parse().unwrap(),
            account: Some("HXAP16XXXXXX97IN".into()),
            number: "+919000000009".into(),
            api_key: SecretString::from("Akey-of-the-test"),
            plus_in_path: true,
            api_version: None,
        }
    }

    #[test]
    fn a_base_url_is_https_or_on_this_machine() {
        for (url, allow_plain_http, taken) in [
            ("https://api.in.kaleyra.io", false, true),
            ("https://api.in.kaleyra.io:8443/", false, true),
            ("http://127.0.0.1:8080", false, true),
            ("http://[::1]:8080", false, true),
            ("http://localhost:8080", false, true),
            ("http://simulator:8080", false, false),
            ("http://simulator:8080", true, true),
            ("http://localhost.evil.example", false, false),
            ("ftp://api.in.kaleyra.io", true, false),
            ("data:text/plain,x", true, false),
            ("https://me@api.in.kaleyra.io", true, false),
            ("https://me:pw@api.in.kaleyra.io", true, false),
            ("https://api.in.kaleyra.io/v2/HXAP", true, false),
            ("https://api.in.kaleyra.io/?a=b", true, false),
            ("https://api.in.kaleyra.io/#a", true, false),
        ] {
            assert_eq!(account(url).checked_base(allow_plain_http).is_ok(), taken, "{url}");
        }
    }

    #[test]
    fn missing_and_malformed_parts_are_reported() {
        let good = || account("https://api.in.kaleyra.io");
        for sid in [None, Some(""), Some("a/b"), Some("../x"), Some("HX AP")] {
            let account = Account { account: sid.map(str::to_owned), ..good() };
            assert!(account.checked_account().is_err(), "{sid:?}");
        }
        for number in ["", "+", "12", "+91 90", "9190000000091234567", "91/90000000"] {
            assert!(Account { number: number.into(), ..good() }.checked_number().is_err(), "{number}");
        }
        for key in ["", "abc\n", "a b", "schlüssel"] {
            assert!(Account { api_key: SecretString::from(key), ..good() }.checked_key().is_err(), "{key:?}");
        }
    }

    #[test]
    fn debug_shows_neither_number_nor_key_nor_account() {
        let account = account("https://api.in.kaleyra.io");
        let shown = format!("{account:?} {:?}", account.checked_key().unwrap());
        for secret in ["9000000009", "Akey", "HXAP"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
