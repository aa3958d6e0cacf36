//! Cookies: the session and the theme.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// How cookies are named and limited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    /// Whether the console is reached by plain HTTP on this machine.
    pub(crate) is_insecure: bool,
}

impl Cookies {
    /// Browsers accept a cookie with the prefix `__Host-` only over HTTPS, from this very host, for all paths.
    pub(crate) fn session_name(self) -> &'static str {
        if self.is_insecure { "flowcast" } else { "__Host-flowcast" }
    }

    pub(crate) fn theme_name(self) -> &'static str {
        if self.is_insecure { "flowcast-theme" } else { "__Host-flowcast-theme" }
    }

    /// The cookie of a session; it ends with the browser, or earlier with the session.
    pub(crate) fn session(self, token: &str) -> Option<HeaderValue> {
        self.set(self.session_name(), token, "")
    }

    /// Removes the cookie of a session.
    pub(crate) fn no_session(self) -> Option<HeaderValue> {
        self.set(self.session_name(), "", "; Max-Age=0")
    }

    /// The cookie of a theme, for a year.
    pub(crate) fn theme(self, word: &str) -> Option<HeaderValue> {
        self.set(self.theme_name(), word, "; Max-Age=31536000")
    }

    pub(crate) fn company_name(self) -> &'static str {
        if self.is_insecure { "flowcast-company" } else { "__Host-flowcast-company" }
    }

    /// What a browser keeps while a person logs in at the company, for 10 minutes.
    pub(crate) fn company(self, attempt: &str) -> Option<HeaderValue> {
        self.set(self.company_name(), attempt, "; Max-Age=600")
    }

    /// Removes it.
    pub(crate) fn no_company(self) -> Option<HeaderValue> {
        self.set(self.company_name(), "", "; Max-Age=0")
    }

    fn set(self, name: &str, value: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.is_insecure { "" } else { "; Secure" };
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")).ok()
    }
}

/// The value of a cookie. If a request has several of this name, none is used.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut values = pairs
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_cookie_is_limited_to_this_host_https_and_http() {
        let secure = Cookies { is_insecure: false };
        let set = secure.session("t0k").unwrap();
        assert_eq!(set, "__Host-flowcast=t0k; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(
            secure.no_session().unwrap(),
            "__Host-flowcast=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
        let insecure = Cookies { is_insecure: true };
        assert_eq!(insecure.session("t0k").unwrap(), "flowcast=t0k; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_cookie_is_found_among_others_and_two_of_one_name_are_none() {
        let headers = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (COOKIE, HeaderValue::from_static(value)));
            pairs.collect::<HeaderMap>()
        };
        let found = headers(&["a=1; __Host-flowcast=t0k; b=2"]);
        assert_eq!(value(&found, "__Host-flowcast"), Some("t0k"));
        assert_eq!(value(&found, "flowcast"), None);
        assert_eq!(value(&headers(&["flowcast=1", "flowcast=2"]), "flowcast"), None);
        assert_eq!(value(&headers(&["broken", "=", ""]), "flowcast"), None);
    }
}
