//! Headers of every answer.

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Headers with one value. `strict-transport-security` has no effect on plain HTTP.
const HEADERS: [(&str, &str); 6] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

const CSP: HeaderName = HeaderName::from_static("content-security-policy");
const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");

/// The Content-Security-Policy of a page with this nonce: scripts and styles of this server only, none inline, and no text becomes a
/// script or markup in the browser except through the policy `htmx`.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types htmx"
    )
}

/// Adds the headers that an answer does not have already. An asset has its own `cache-control`, and a page with a secret address
/// its own `referrer-policy`.
pub(crate) fn add(headers: &mut HeaderMap, nonce: &str) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(nonce)) {
        headers.insert(CSP, policy);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(REFERRER).or_insert(HeaderValue::from_static("same-origin"));
}

/// The referrer policy of a page whose address is secret.
pub(crate) const NO_REFERRER: (HeaderName, HeaderValue) = (REFERRER, HeaderValue::from_static("no-referrer"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_no_inline_script_or_style() {
        let policy = policy("n0");
        assert!(policy.contains("script-src 'self' 'nonce-n0';") && policy.contains("style-src 'self';"));
        assert!(!policy.contains("unsafe") && policy.starts_with("default-src 'none'"));
    }

    #[test]
    fn an_answer_keeps_its_own_cache_and_referrer_rules() {
        let mut headers = HeaderMap::new();
        add(&mut headers, "n0");
        assert_eq!(
            (&headers["cache-control"], &headers["referrer-policy"]),
            (&"no-store".parse().unwrap(), &"same-origin".parse().unwrap())
        );
        let mut headers = HeaderMap::from_iter([NO_REFERRER]);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        add(&mut headers, "n1");
        assert_eq!(
            (&headers["cache-control"], &headers["referrer-policy"]),
            (&"public".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
        assert_eq!(headers.get_all("referrer-policy").iter().count(), 1);
    }
}
