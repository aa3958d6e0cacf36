//! The address of the API.

use std::fmt;

use control::{Error, Problem};
use url::{Host, Url};

/// The version of the API, below the address.
const API: [&str; 2] = ["api", "v1"];

/// The address of a server, without the path of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: Url,
}

/// Why a text is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is no address of HTTP.
    #[error("'{0}' is not an address like https://flowcast.example.org: {1}")]
    Unreadable(String, String),
    /// The address contains more than scheme, host, port and path.
    #[error("the address contains {0}; write only scheme, host and path, like https://flowcast.example.org")]
    TooMuch(&'static str),
    /// Plain HTTP to another machine.
    #[error(
        "{0} is not https, so everybody on the way could read the API key and phone numbers; write https://, or set FLOWCAST_INSECURE=1 if \
         the network is yours"
    )]
    Plain(Url),
}

impl Address {
    /// Parses an address. Plain HTTP is refused unless the host is this machine or `allows_plain` is set.
    pub fn parse(text: &str, allows_plain: bool) -> Result<Self, AddressError> {
        let unreadable = |why: String| AddressError::Unreadable(shown(text), why);
        let base: Url = text.parse().map_err(|error: url::ParseError| unreadable(error.to_string()))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(AddressError::TooMuch("a user name or a password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(AddressError::TooMuch("a query"));
        }
        match base.scheme() {
            "https" => {}
            "http" if allows_plain || is_loopback(&base) => {}
            "http" => return Err(AddressError::Plain(base)),
            other => return Err(unreadable(format!("its scheme is {other}"))),
        }
        Ok(Self { base })
    }

    /// Whether requests leave this machine unencrypted.
    pub fn is_plain(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// Whether the server is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// The address of a resource of the API.
    pub(crate) fn resource(&self, segments: &[String], query: &[(&str, String)]) -> Result<Url, Error> {
        // A URL resolves these names as steps between folders.
        if let Some(name) = segments.iter().find(|name| matches!(name.as_str(), "" | "." | "..")) {
            return Err(Error::refused(Problem::NotFound, format!("no object has the name '{name}'")));
        }
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(API).extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// The text without what may be a password.
fn shown(text: &str) -> String {
    text.rsplit('@').next().unwrap_or_default().chars().take(100).collect()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_unless_the_host_is_this_machine_or_the_user_allows_it() {
        for address in
            ["https://a.example", "http://127.0.0.1:8081", "http://[::1]:8081/", "http://localhost:8081"]
        {
            assert!(!Address::parse(address, false).unwrap().is_plain(), "{address}");
        }
        for address in ["http://a.example", "http://10.0.0.7:8081", "http://localhost.example"] {
            assert!(matches!(Address::parse(address, false), Err(AddressError::Plain(_))), "{address}");
            assert!(Address::parse(address, true).unwrap().is_plain(), "{address}");
        }
    }

    #[test]
    fn an_address_with_a_password_or_a_query_is_refused_without_showing_the_password() {
        for address in
            ["https://me:hunter2@a.example", "https://a.example/?key=hunter2", "ftp://a.example", "x"]
        {
            let error = Address::parse(address, true).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let unreadable = Address::parse("me:hunter2@a.example", true).unwrap_err().to_string();
        assert!(!unreadable.contains("hunter2"), "{unreadable}");
    }

    #[test]
    fn names_in_paths_are_encoded_and_the_path_of_a_proxy_is_kept() {
        let resource = |base: &str, name: &str| {
            let address = Address::parse(base, false).unwrap();
            address.resource(&["senders".into(), name.into()], &[]).map(|url| url.to_string())
        };
        assert_eq!(
            resource("https://a.example/", "ke/ma in?").unwrap(),
            "https://a.example/api/v1/senders/ke%2Fma%20in%3F"
        );
        assert_eq!(
            resource("https://a.example/flow", "ke-main").unwrap(),
            "https://a.example/flow/api/v1/senders/ke-main"
        );
        for name in ["", ".", ".."] {
            assert_eq!(resource("https://a.example", name).unwrap_err().problem(), Problem::NotFound);
        }
    }
}
