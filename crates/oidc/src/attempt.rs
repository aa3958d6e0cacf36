//! A log-in that a browser has begun.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// What a browser keeps between the beginning of a log-in and the answer of the provider, in a cookie that scripts cannot read.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// Comes back with the answer: an answer without it was not asked for by this browser.
    pub(crate) state: String,
    /// Is in the ID token: a token of another log-in is refused.
    pub(crate) nonce: String,
    /// Proves to the provider that the code is redeemed by who asked for it.
    pub(crate) verifier: String,
    /// The page to open afterwards.
    pub next: String,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Attempt {
    /// The value of the cookie.
    pub fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the value of a cookie.
    pub fn from_cookie(value: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()
    }

    /// Whether an answer with this state belongs to it.
    pub(crate) fn began(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_back_and_another_text_is_not() {
        let attempt = Attempt {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            next: "/campaigns/7?x=;\"".into(),
        };
        let cookie = attempt.to_cookie();
        assert!(cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cookie}");
        let read = Attempt::from_cookie(&cookie).unwrap();
        assert_eq!(
            (read.next.as_str(), read.began("s"), read.began("")),
            ("/campaigns/7?x=;\"", true, false)
        );
        assert!(Attempt::from_cookie("").is_none() && Attempt::from_cookie("e30").is_none());
        assert!(!format!("{attempt:?}").contains("verifier"), "{attempt:?}");
    }
}
