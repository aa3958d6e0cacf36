//! Who an ID token names.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Who an ID token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The issuer.
    pub issuer: String,
    /// The id of the person at the issuer, which never changes.
    pub subject: String,
    /// The name that the person prefers, if the token has one.
    pub name: Option<String>,
    /// The email address, if the issuer has verified it.
    pub email: Option<String>,
    /// The groups of the person.
    pub groups: Vec<String>,
    /// When the person proved who it is, if the token says it.
    pub authenticated_at: Option<SystemTime>,
}

impl Person {
    /// Reads the claims of an ID token, which must be verified already.
    pub(crate) fn read(token: &str, groups_claim: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_verified = claims.get("email_verified").is_some_and(|verified| match verified {
            Value::Bool(verified) => *verified,
            // Some providers send it as a text.
            verified => verified.as_str() == Some("true"),
        });
        let authenticated = claims.get("auth_time").and_then(Value::as_u64);
        Some(Self {
            issuer: text("iss")?,
            subject: text("sub")?,
            name: text("preferred_username"),
            email: text("email").filter(|_| is_verified),
            groups: groups(claims.get(groups_claim)),
            authenticated_at: authenticated
                .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        })
    }
}

/// One group as a text, or several as a list.
fn groups(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Option<Person> {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Person::read(&token, "groups")
    }

    #[test]
    fn an_email_address_counts_only_if_it_is_verified() {
        let claims =
            |verified: Value| json!({ "iss": "i", "sub": "s", "email": "a@b.c", "email_verified": verified });
        for (verified, counts) in
            [(json!(true), true), (json!("true"), true), (json!(false), false), (json!(null), false)]
        {
            assert_eq!(read(&claims(verified.clone())).unwrap().email.is_some(), counts, "{verified}");
        }
    }

    #[test]
    fn groups_are_a_text_or_a_list() {
        for (claim, expected) in
            [(json!("one"), vec!["one"]), (json!(["one", "two", 3]), vec!["one", "two"]), (json!({}), vec![])]
        {
            let person = read(&json!({ "iss": "i", "sub": "s", "groups": claim, "auth_time": 60 })).unwrap();
            assert_eq!(person.groups, expected);
            assert_eq!(person.authenticated_at, Some(SystemTime::UNIX_EPOCH + Duration::from_mins(1)));
        }
        assert!(read(&json!({ "iss": "i" })).is_none() && Person::read("x", "groups").is_none());
    }
}
