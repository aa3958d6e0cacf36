//! Detects requests from web pages in a browser. The admin API has no password, so it refuses them.
//!
//! A request from another site has an `Origin` (RFC 6454) or `Sec-Fetch-Site` (W3C Fetch Metadata) header. After DNS rebinding,
//! the page has the same origin as the simulator, but its `Host` is a public name, which contains a dot.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// The reason to refuse a request with these headers, or `None` if it does not come from a web page.
pub(crate) fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(ORIGIN) || text("sec-fetch-site").is_some_and(|site| site != "none") {
        return Some("the admin API refuses requests from web pages; use curl or another program");
    }
    let host = text(HOST.as_str()).unwrap_or_default();
    (!is_private(host)).then_some(
        "the admin API refuses this Host header; use an IP address, localhost or a name without dots",
    )
}

/// Whether the host is an IP address, `localhost` or a name without dots (a container name), with or without a port.
fn is_private(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok() || !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        refusal(&headers.collect()).is_some()
    }

    #[test]
    fn requests_of_programs_on_this_machine_or_in_a_container_are_allowed() {
        for host in ["127.0.0.1:8070", "[::1]:8070", "localhost", "simulator:8070", "10.0.0.7"] {
            assert!(!refused(&[("host", host)]), "{host}");
        }
        assert!(!refused(&[("host", "localhost"), ("sec-fetch-site", "none")]));
    }

    #[test]
    fn requests_of_web_pages_are_refused() {
        for host in ["simulator.example.org", "127.0.0.1.example.org:8070", "example.org:x"] {
            assert!(refused(&[("host", host)]), "{host}");
        }
        assert!(refused(&[("host", "127.0.0.1:8070"), ("origin", "https://example.org")]));
        assert!(refused(&[("host", "127.0.0.1:8070"), ("origin", "null")]));
        assert!(refused(&[("host", "127.0.0.1:8070"), ("sec-fetch-site", "cross-site")]));
    }
}
