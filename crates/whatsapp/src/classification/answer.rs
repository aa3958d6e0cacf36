//! A provider's answer: the parts that the classification uses, and what all providers' answers have in common.

use std::borrow::Cow;
use std::time::Duration;

use campaign::Msisdn;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;

/// The parts of an HTTP answer that the classification uses.
#[derive(Clone, Copy)]
pub struct HttpAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The pause of the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// The complete body.
    pub body: &'a [u8],
}

impl std::fmt::Debug for HttpAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// An answer as the adapter of the provider parsed it.
pub(crate) struct ParsedAnswer<'a> {
    /// The code in the body, if it is safe to keep; see [`clean_code`].
    pub(crate) code: Option<Cow<'static, str>>,
    /// The provider's text. It is searched, and never kept.
    pub(crate) message: &'a str,
    /// The message id, if the rest of the body indicates success as well.
    pub(crate) message_id: Option<&'a Value>,
    /// Whether the body says explicitly that the message was not accepted, whatever the HTTP status.
    pub(crate) is_refusal: bool,
}

/// The recipient's number at WhatsApp: `contacts[0].wa_id` of Meta's answer, which other providers pass on.
pub(crate) fn wa_id(body: &[u8]) -> Option<Msisdn> {
    #[derive(Deserialize)]
    struct Accepted<'a> {
        #[serde(borrow)]
        contacts: [Contact<'a>; 1],
    }
    #[derive(Deserialize)]
    struct Contact<'a> {
        #[serde(borrow)]
        wa_id: Cow<'a, str>,
    }
    let Accepted { contacts: [contact] } = serde_json::from_slice(body).ok()?;
    contact.wa_id.parse().ok().and_then(Msisdn::from_digits)
}

/// Whether Meta accepted a message and holds it back for a check of its quality: `messages[0].message_status`.
pub(crate) fn is_held(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Accepted<'a> {
        #[serde(borrow)]
        messages: [Message<'a>; 1],
    }
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        message_status: Cow<'a, str>,
    }
    let status =
        |body| Some(serde_json::from_slice::<Accepted<'_>>(body).ok()?.messages[0].message_status.clone());
    status(body).is_some_and(|status| matches!(status.as_ref(), "held_for_quality_assessment" | "paused"))
}

/// What a provider says about a refusal, for a person who sent a test message to a number of their own. It is never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The provider's words, such as Meta's `error_data.details`, without numbers of seven or more digits; at most 300 characters.
    pub details: Option<String>,
    /// The id by which the support of Meta finds the request (`fbtrace_id`).
    pub trace_id: Option<String>,
}

impl Explanation {
    /// The explanation in a refusing answer. Words that contain one of `secrets` are left out, whatever the provider repeats.
    pub(crate) fn of(body: &[u8], secrets: &[String]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let pointers =
            ["/error/error_data/details", "/error/error_user_msg", "/error/payload", "/error/error_data"];
        let details = pointers.iter().find_map(|pointer| body.pointer(pointer)?.as_str());
        let details =
            details.filter(|text| !text.is_empty() && !secrets.iter().any(|secret| text.contains(secret)));
        let trace_id = clean_trace(body.pointer("/error/fbtrace_id"));
        Self { details: details.map(without_numbers), trace_id }
    }
}

fn clean_trace(value: Option<&Value>) -> Option<String> {
    let is_clean = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    value.and_then(Value::as_str).filter(is_clean).map(str::to_owned)
}

/// The text with each run of seven or more digits replaced, at most 300 characters.
fn without_numbers(text: &str) -> String {
    let (mut shown, mut digits) = (String::new(), String::new());
    for sign in text.chars().take(300).chain([' ']) {
        if sign.is_ascii_digit() {
            digits.push(sign);
            continue;
        }
        shown.push_str(if digits.len() >= 7 { "…" } else { &digits });
        digits.clear();
        shown.push(if sign.is_control() { ' ' } else { sign });
    }
    shown.trim_end().to_owned()
}

/// The provider's code, if it is a short word with at most six digits, so that it cannot contain a phone number.
pub(crate) fn clean_code(code: Option<&Value>) -> Option<Cow<'static, str>> {
    let code = match code? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_clean = (1..=32).contains(&code.len())
        && code.bytes().all(is_word)
        && code.bytes().filter(u8::is_ascii_digit).count() <= 6;
    is_clean.then_some(Cow::Owned(code))
}

/// The code that a text names in Meta's notation: `131048` in `(#131048) Spam rate limit hit`.
pub(crate) fn code_in_text(text: &str) -> Option<Cow<'static, str>> {
    text.split("(#").skip(1).find_map(|rest| {
        let (code, _) = rest.split_once(')')?;
        let is_code = (1..=6).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then(|| Cow::Owned(code.to_owned()))
    })
}

/// The pause of `Retry-After`, limited to between 1 second and 15 minutes. A date is compared with the `Date` header of the same
/// answer, so that our clock does not matter.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |header: &HeaderValue| header.to_str().ok().map(|text| text.trim().to_owned());
    let value = headers.get(RETRY_AFTER).and_then(text)?;
    let pause = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(&value).ok()?;
        let now = headers.get(DATE).and_then(text).and_then(|date| httpdate::parse_http_date(&date).ok())?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(pause.clamp(Duration::from_secs(1), Duration::from_mins(15)))
}

/// Our code for an answer without a code.
pub(crate) fn http_code(status: u16) -> Cow<'static, str> {
    format!("http_{status}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_pause_is_read_as_seconds_or_as_a_date() {
        const NOON: (&str, &str) = ("date", "Tue, 07 Jan 2025 12:00:00 GMT");
        for (named, seconds) in [
            (vec![], None),
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", " 7 ")], Some(7)),
            (vec![("retry-after", "0")], Some(1)),
            (vec![("retry-after", "86400")], Some(900)),
            (vec![("retry-after", "99999999999999999999999999")], Some(900)),
            (vec![("retry-after", "")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "1.5")], None),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "Tue, 07 Jan 2025 12:00:30 GMT"), NOON], Some(30)),
            (vec![("retry-after", "Tue, 07 Jan 2025 11:00:00 GMT"), NOON], Some(1)),
            (vec![("retry-after", "Wed, 08 Jan 2025 12:00:00 GMT"), NOON], Some(900)),
            (vec![("retry-after", "Tue, 07 Jan 2025 12:00:30 GMT")], None),
        ] {
            assert_eq!(retry_after(&headers(&named)), seconds.map(Duration::from_secs), "{named:?}");
        }
    }

    #[test]
    fn the_number_at_whatsapp_is_read_if_it_is_one() {
        let known = |contacts: serde_json::Value| {
            let body = json!({"contacts": contacts, "messages": [{"id": "wamid.1"}]});
            wa_id(body.to_string().as_bytes()).map(Msisdn::digits)
        };
        assert_eq!(
            known(json!([{"input": "+525512345678", "wa_id": "5215512345678"}])),
            Some(5_215_512_345_678)
        );
        for contacts in [
            json!([]),
            json!([{"input": "1"}]),
            json!([{"wa_id": "KE.13491208655302741918"}]),
            json!([{"wa_id": 5_215_512_345_678_u64}]),
            json!([{"wa_id": ""}]),
            json!("wa_id"),
        ] {
            assert_eq!(known(contacts.clone()), None, "{contacts}");
        }
        assert_eq!(wa_id(b"\"wa_id\""), None);
        assert_eq!(wa_id(b"{}"), None);
    }

    #[test]
    fn an_explanation_has_neither_a_number_nor_the_key() {
        let of = |body: serde_json::Value| Explanation::of(body.to_string().as_bytes(), &["Akey".to_owned()]);
        let meta = json!({"error": {"message": "(#100)", "code": 100, "fbtrace_id": "AbC_1-x",
            "error_data": {"details": "Parameter 3 of +254712000001 is\nwrong in 131008"}}});
        let found = of(meta);
        assert_eq!(found.details.as_deref(), Some("Parameter 3 of +… is wrong in 131008"));
        assert_eq!(found.trace_id.as_deref(), Some("AbC_1-x"));
        assert_eq!(of(json!({"error": {"error_user_msg": "of 1msg"}})).details.as_deref(), Some("of 1msg"));
        assert_eq!(of(json!({"error": {"payload": "of Kaleyra"}})).details.as_deref(), Some("of Kaleyra"));
        for body in [
            json!({"error": {"error_data": {"details": "your Akey is wrong"}}}),
            json!({"error": "Wrong token Akey"}),
            json!({"error": {"fbtrace_id": "254 712"}}),
            json!(null),
        ] {
            assert_eq!(of(body.clone()), Explanation::default(), "{body}");
        }
    }

    #[test]
    fn a_held_message_is_recognized() {
        for (status, held) in [("held_for_quality_assessment", true), ("paused", true), ("accepted", false)] {
            let body = json!({"messages": [{"id": "wamid.1", "message_status": status}]}).to_string();
            assert_eq!(is_held(body.as_bytes()), held, "{status}");
        }
        assert!(!is_held(br#"{"messages": [{"id": "wamid.1"}]}"#) && !is_held(b"x"));
    }

    #[test]
    fn a_text_names_a_code_in_metas_notation_only() {
        for (text, code) in [
            ("(#131048) Spam rate limit hit", Some("131048")),
            ("Error: (#0) AuthException", Some("0")),
            ("(#x) then (#131047) Re-engagement message", Some("131047")),
            ("(#254712000001) is no code", None),
            ("(#) (#131047", None),
            ("131047", None),
            ("", None),
        ] {
            assert_eq!(code_in_text(text).as_deref(), code, "{text}");
        }
    }

    #[test]
    fn only_a_short_clean_code_is_kept() {
        for (code, kept) in [
            (json!("E110"), Some("E110")),
            (json!("WA-401"), Some("WA-401")),
            (json!(131_042), Some("131042")),
            (json!(""), None),
            (json!("A".repeat(33)), None),
            (json!("no such number"), None),
            (json!("+254712"), None),
            (json!("254712000001"), None),
            (json!("254-712-000-001"), None),
            (json!(254_712_000_001_u64), None),
            (json!("Zoë"), None),
            (json!(null), None),
            (json!(["E110"]), None),
            (json!({ "code": "E110" }), None),
        ] {
            assert_eq!(clean_code(Some(&code)).as_deref(), kept, "{code}");
        }
        assert_eq!(clean_code(None), None);
    }
}
