//! From a provider's answer to a verdict, and what all providers' answers have in common.
//!
//! Pure. An answer that no page documents fails safe: what may have been taken is unknown, never accepted and never
//! sent again.

use std::borrow::Cow;
use std::time::Duration;

use campaign::{Msisdn, Provider, Refusal, StopReason, Verdict};
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;

use crate::adapter::adapter;
use crate::rule::{Class, Rule};

/// What was heard of a provider: the parts of an answer that a verdict rests on.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The pause its `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The body, whole.
    pub body: &'a [u8],
}

impl std::fmt::Debug for Heard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heard")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// What a whole answer means.
pub fn judge_answer(provider: Provider, heard: &Heard<'_>) -> Verdict {
    adapter(provider).judge(heard)
}

/// The provider's table of documented answers, for people.
pub fn error_map(provider: Provider) -> &'static [Rule] {
    adapter(provider).errors()
}

/// What an answer says, as its adapter read it.
pub(crate) struct Said<'a> {
    /// The code in the body, if it is a clean one.
    pub(crate) code: Option<Cow<'static, str>>,
    /// The provider's words, to be searched and never kept.
    pub(crate) message: &'a str,
    /// The message id, if everything else in the body says success as well.
    pub(crate) message_id: Option<&'a Value>,
    /// Whether the body says outright that the message was not taken, whatever the HTTP status.
    pub(crate) is_refusal: bool,
}

/// The verdict on an answer by its provider's rules, of which the first that covers it holds.
pub(crate) fn decide<'r>(
    rules: impl IntoIterator<Item = &'r Rule>,
    heard: &Heard<'_>,
    said: Said<'_>,
) -> Verdict {
    let rule = rules.into_iter().find(|rule| rule.covers(heard.status, &said));
    let is_success = (200..300).contains(&heard.status);
    if is_success && (!said.is_refusal || said.message_id.is_some()) {
        let refused = said.is_refusal || rule.is_some_and(|rule| rule.class != Class::Accepted);
        return accepted(said.message_id, refused);
    }
    match rule {
        _ if (300..400).contains(&heard.status) => redirected(heard.status),
        Some(rule) => rule.verdict(heard, &said),
        None if is_success => Verdict::Rejected { refusal: unknown_refusal(said.code) },
        None => undocumented(heard, said.code),
    }
}

/// A refusal that says so itself, without anything the provider's table knows.
fn unknown_refusal(code: Option<Cow<'static, str>>) -> Refusal {
    let code = code.unwrap_or(Cow::Borrowed("refused"));
    Refusal { code, text: "refused with words that are not in the provider's table".into() }
}

/// The verdict on a 2xx answer with this message id, in which a documented refusal may stand all the same.
fn accepted(message_id: Option<&Value>, refused: bool) -> Verdict {
    const NO_ID: Refusal =
        Refusal::own("no_message_id", "the provider's answer is a success without a message id");
    const BOTH: Refusal =
        Refusal::own("contradictory_answer", "the provider's answer is a success and a refusal at once");
    let is_clean =
        |id: &&str| (1..=256).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    match message_id.and_then(Value::as_str).filter(is_clean) {
        Some(_) if refused => Verdict::Unknown { refusal: BOTH },
        Some(id) => Verdict::Accepted { provider_message_id: id.to_owned() },
        None => Verdict::Unknown { refusal: NO_ID },
    }
}

/// The verdict on a redirect: no provider sends one, so the base address leads elsewhere, for every recipient alike.
fn redirected(status: u16) -> Verdict {
    Verdict::StopSender {
        refusal: Refusal {
            code: http_code(status),
            text: "a redirect, which is not followed: the sender's base address is wrong; correct it, then resume".into(),
        },
        reason: StopReason::Misconfigured,
    }
}

/// The verdict on an answer outside 2xx and 3xx that the provider's table does not know.
fn undocumented(heard: &Heard<'_>, code: Option<Cow<'static, str>>) -> Verdict {
    let code = code.unwrap_or_else(|| http_code(heard.status));
    let refusal = |text: &'static str| Refusal { code, text: text.into() };
    match heard.status {
        429 | 503 => Verdict::Throttled {
            refusal: refusal("too many requests for the provider; the rate goes down by itself"),
            retry_after: heard.retry_after,
        },
        // 408 comes from something in between that did not say how far the request went.
        400..=407 | 409..=499 => {
            Verdict::Rejected { refusal: refusal("refused with a code that is not in the provider's table") }
        }
        _ => Verdict::Unknown {
            refusal: refusal(
                "a fault at the provider that its table does not know; it may have taken the message",
            ),
        },
    }
}

/// The number under which WhatsApp knows the recipient: `contacts[0].wa_id` of Meta's answer, which other providers pass on.
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

/// The provider's code, if it is a short clean word; never more than six digits, so no number of a person rides in.
pub(crate) fn clean_code(code: Option<&Value>) -> Option<Cow<'static, str>> {
    let code = match code? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let clean = (1..=32).contains(&code.len())
        && code.bytes().all(word)
        && code.bytes().filter(u8::is_ascii_digit).count() <= 6;
    clean.then_some(Cow::Owned(code))
}

/// The pause that `Retry-After` asks for, between a second and a quarter of an hour. A date is counted from the
/// answer's own `Date`, so that our clock plays no part.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: &HeaderValue| value.to_str().ok().map(|text| text.trim().to_owned());
    let asked = headers.get(RETRY_AFTER).and_then(text)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(asked.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(&asked).ok()?;
        let now = headers.get(DATE).and_then(text).and_then(|date| httpdate::parse_http_date(&date).ok())?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(pause.clamp(Duration::from_secs(1), Duration::from_mins(15)))
}

/// Our code for an answer that has none.
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
    fn the_number_that_whatsapp_knows_a_recipient_by_is_read_where_it_is_one() {
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

    #[test]
    fn what_no_table_knows_fails_safe_by_its_status() {
        let judge = |status| {
            let heard = Heard { status, retry_after: Some(Duration::from_secs(9)), body: b"" };
            undocumented(&heard, None)
        };
        for status in [429, 503] {
            assert!(
                matches!(judge(status), Verdict::Throttled { retry_after: Some(pause), .. } if pause.as_secs() == 9)
            );
        }
        for status in [400, 401, 404, 418, 499] {
            assert!(
                matches!(judge(status), Verdict::Rejected { refusal } if refusal.code == format!("http_{status}"))
            );
        }
        for status in [0, 100, 199, 408, 500, 502, 504, 599, 600, u16::MAX] {
            assert!(matches!(judge(status), Verdict::Unknown { .. }), "{status}");
        }
    }
}
