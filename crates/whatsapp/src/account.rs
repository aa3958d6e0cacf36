//! A sender's identity at its provider, and what is checked of it before the first request.

use std::fmt;

use campaign::Provider;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::error::Error;

/// Who sends: provider, address, number and key. Checked when a [`crate::Channel`] is made of it.
#[derive(Clone)]
pub struct Account {
    /// The provider.
    pub provider: Provider,
    /// Scheme, host and port only; the provider's path is added by its adapter.
    pub base_url: Url,
    /// The provider's id of the account, where it has one (Kaleyra: SID, 1msg: instance id, Meta: phone number id).
    pub account: Option<String>,
    /// Our business number, from which is sent; with or without `+`.
    pub number: String,
    /// The key.
    pub api_key: SecretString,
    /// Whether the number in the path is written with `+`. Kaleyra's page writes it, its customers do both.
    pub plus_in_path: bool,
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
    /// The base address, if a key may be sent there.
    pub(crate) fn checked_base(&self, allow_plain_http: bool) -> Result<Url, Error> {
        let wrong = |reason| Err(Error::Account { field: "base address", reason });
        let url = &self.base_url;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return wrong("is no web address; write for instance https://api.in.kaleyra.io");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong(
                "holds a user or a password; write it without, the key is given by its own setting",
            );
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return wrong(
                "goes on after the host; write scheme and host only, like https://api.in.kaleyra.io",
            );
        }
        if url.scheme() == "http" && !allow_plain_http && !is_loopback(url) {
            return wrong(
                "is plain http, which shows key and numbers; write https, or set whatsapp.allow_plain_http",
            );
        }
        Ok(url.clone())
    }

    /// The digits of our number.
    pub(crate) fn checked_number(&self) -> Result<&str, Error> {
        let digits = self.number.strip_prefix('+').unwrap_or(&self.number);
        let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(Error::Account {
                field: "number",
                reason: "is no business number; write 7 to 15 digits with the country code",
            });
        }
        Ok(digits)
    }

    /// The account id, fit for a path.
    pub(crate) fn checked_account(&self) -> Result<&str, Error> {
        let wrong = |reason| Err(Error::Account { field: "account", reason });
        match self.account.as_deref() {
            None | Some("") => wrong(
                "is missing; give the account id (Kaleyra: the SID, 1msg: the instance id, Meta: the phone number id)",
            ),
            Some(id) if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                wrong("has other signs than letters and digits; give the account id as the provider shows it")
            }
            Some(id) => Ok(id),
        }
    }

    /// The key as a header that no `Debug` shows.
    pub(crate) fn checked_key(&self) -> Result<HeaderValue, Error> {
        header(self.checked_token()?)
    }

    /// The key as `Authorization: Bearer`.
    pub(crate) fn checked_bearer(&self) -> Result<HeaderValue, Error> {
        header(&format!("Bearer {}", self.checked_token()?))
    }

    /// The key itself, for an address that must hold it.
    pub(crate) fn checked_token(&self) -> Result<&str, Error> {
        let wrong = |reason| Err(Error::Account { field: "key", reason });
        let key = self.api_key.expose_secret();
        if key.is_empty() {
            return wrong("is empty; check the variable or file it is read from");
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong(
                "holds a space, a line break or another sign no key has; check where it is read from",
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
        }
    }

    #[test]
    fn a_base_address_is_https_or_this_machine() {
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
    fn what_is_missing_or_malformed_is_named() {
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
