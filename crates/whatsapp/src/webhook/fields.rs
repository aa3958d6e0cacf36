//! Reading members of a JSON body in the formats of the providers: numbers as strings, times in two units, ids in many forms.

use campaign::{Msisdn, Reference, UserId};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::webhook::event::InvalidBody;

/// The maximum length of an id; real ids have a few dozen characters.
const MAX_ID_LENGTH: usize = 256;
/// A larger time is in milliseconds: in seconds it would be in the year 5138.
const MAX_SECONDS: i64 = 100_000_000_000;
/// 2010, in seconds since 1970. WhatsApp Business did not exist before, so an earlier time is invalid.
const MIN_SECONDS: i64 = 1_262_304_000;

/// Parses JSON. A text that a person wrote may contain an unpaired surrogate (`\ud83d` alone), which is not valid; it becomes
/// U+FFFD.
pub(crate) fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes)
        .ok()
        .or_else(|| serde_json::from_slice(&replace_unpaired_surrogates(bytes)?).ok())
}

/// The JSON with `\ufffd` in place of each unpaired surrogate; `None` if there is none.
fn replace_unpaired_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| -> Option<u16> {
        let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut replaced, mut at, mut has_unpaired) = (Vec::with_capacity(json.len()), 0, false);
    while let Some(byte) = json.get(at) {
        let length = match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                replaced.extend_from_slice(b"\\ufffd");
                (at, has_unpaired) = (at + 6, true);
                continue;
            }
            Some(_) => 6,
            // The byte after a backslash does not begin an escape.
            None if *byte == b'\\' => 2,
            None => 1,
        };
        replaced.extend(json.iter().skip(at).take(length));
        at += length;
    }
    has_unpaired.then_some(replaced)
}

/// A string member.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// An id: a short string of visible ASCII characters.
pub(crate) fn id(value: &Value, name: &str) -> Option<String> {
    text(value, name).filter(|id| is_id(id)).map(str::to_owned)
}

/// An id that may also be a JSON number.
pub(crate) fn id_or_number(value: &Value, name: &str) -> Option<String> {
    id(value, name).or_else(|| value.get(name)?.as_u64().map(|number| number.to_string()))
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A reference of ours.
pub(crate) fn reference(value: &Value, name: &str) -> Option<Reference> {
    text(value, name).and_then(Reference::parse)
}

/// A time: seconds or milliseconds since 1970, as a number or a string.
pub(crate) fn time(value: Option<&Value>) -> Option<Timestamp> {
    let number = match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }?;
    let (seconds, ms) =
        if number > MAX_SECONDS { (number / 1000, number) } else { (number, number.checked_mul(1000)?) };
    (seconds >= MIN_SECONDS).then(|| Timestamp::from_millisecond(ms).ok()).flatten()
}

/// The domains of a chat address whose digits are a phone number.
const NUMBER_DOMAINS: [&str; 2] = ["c.us", "s.whatsapp.net"];

/// A phone number: digits, with or without a leading `+` and a trailing `@c.us`. Digits with another domain, such as `@lid` or
/// `@g.us`, are not a phone number.
pub(crate) fn number(value: &Value, name: &str) -> Option<Msisdn> {
    let written = match value.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (digits, domain) = written.split_once('@').unwrap_or((written.as_str(), NUMBER_DOMAINS[0]));
    if !NUMBER_DOMAINS.contains(&domain.trim()) {
        return None;
    }
    let digits = digits.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().and_then(Msisdn::from_digits)
}

/// WhatsApp's user id of a person.
pub(crate) fn user(value: &Value, name: &str) -> Option<UserId> {
    text(value, name).and_then(UserId::new)
}

/// WhatsApp's user id in place of a phone number: it begins with two letters and a dot, or ends with `@lid`.
pub(crate) fn scoped_user(value: &Value, name: &str) -> Option<UserId> {
    let written = text(value, name)?;
    let is_scoped = written.split_once('.').is_some_and(|(country, id)| {
        country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) && !id.is_empty()
    });
    (is_scoped || written.ends_with("@lid")).then(|| UserId::new(written)).flatten()
}

/// An optional array.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], InvalidBody> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(InvalidBody::Shape),
    }
}

/// An optional object.
pub(crate) fn object<'a>(value: &'a Value, name: &str) -> Result<Option<&'a Value>, InvalidBody> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(member @ Value::Object(_)) => Ok(Some(member)),
        Some(_) => Err(InvalidBody::Shape),
    }
}

/// A word in lower case with spaces as separators: `NOT-SENT`, `not_sent` and `not sent` are equal.
pub(crate) fn word(text: &str) -> String {
    text.trim().to_lowercase().replace(['-', '_'], " ")
}

/// The content of a completed flow, and the reference in it. `written` is JSON or a string that contains JSON; a string that is
/// not JSON is kept. Our own members are removed.
pub(crate) fn form(written: &Value) -> (Value, Option<Reference>) {
    let form = match written {
        Value::String(text) => json(text.as_bytes()).unwrap_or_else(|| written.clone()),
        other => other.clone(),
    };
    let ours = ["flow_token", campaign::LIPACHAT_REFERENCE];
    let reference = ours.iter().find_map(|name| reference(&form, name));
    let mut form = without_nul(form);
    if let Value::Object(members) = &mut form {
        members.retain(|name, value| !(ours.contains(&name.as_str()) && value.is_string()));
    }
    (form, reference)
}

/// Removes NUL characters, which PostgreSQL does not store.
fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nul).collect()),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, item)| (name.replace('\0', ""), without_nul(item)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_time_is_read_in_every_form_and_a_wrong_one_is_none() {
        let noon = Some("2024-08-05T05:11:05Z".parse().unwrap());
        for value in
            [json!("1722834665"), json!(1_722_834_665), json!("1722834665000"), json!(1_722_834_665_000_i64)]
        {
            assert_eq!(time(Some(&value)), noon, "{value}");
        }
        for value in [
            json!(null),
            json!(""),
            json!("soon"),
            json!(-1),
            json!(0),
            json!(7.5),
            json!([]),
            json!(i64::MAX),
        ] {
            assert_eq!(time(Some(&value)), None, "{value}");
        }
    }

    #[test]
    fn a_number_is_read_in_every_form() {
        for value in [
            json!("254700000001"),
            json!("+254700000001"),
            json!(254_700_000_001_u64),
            json!("254700000001@c.us"),
            json!("254700000001@s.whatsapp.net"),
        ] {
            assert_eq!(number(&json!({"n": value}), "n"), Msisdn::from_digits(254_700_000_001), "{value}");
        }
        for value in [
            json!("1234567@g.us"),
            json!("254700000001@lid"),
            json!("254700000001@username"),
            json!("anna"),
            json!(""),
            json!(null),
            json!("1-1@g.us"),
        ] {
            assert_eq!(number(&json!({"n": value}), "n"), None, "{value}");
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_replaced_and_nothing_else_changes() {
        for (written, read) in [
            (r#"{"a": "x\ud83dy"}"#, Some("x\u{fffd}y")),
            (r#"{"a": "x\ude4fy"}"#, Some("x\u{fffd}y")),
            (r#"{"a": "\ud83d\ud83d\ude4f"}"#, Some("\u{fffd}🙏")),
            (r#"{"a": "\ud83d\ude4f"}"#, Some("🙏")),
            (r#"{"a": "\\ud83d"}"#, Some("\\ud83d")),
            (r#"{"a": "\\\ud83d"}"#, Some("\\\u{fffd}")),
            (r#"{"a": "\ud8"}"#, None),
            (r#"{"a": "\ud83d}"#, None),
            (r#"{"a": "x\"#, None),
        ] {
            let found = json(written.as_bytes());
            assert_eq!(found.as_ref().and_then(|value| text(value, "a")), read, "{written}");
        }
        let token = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let (form, reference) = form(&json!(format!(r#"{{"flow_token": "{token}", "says": "\ud83d"}}"#)));
        assert_eq!((form, reference.is_some()), (json!({"says": "\u{fffd}"}), true));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, text: String) {
            json(&bytes);
            json(format!("\"\\ud83d{text}").as_bytes());
        }
    }

    #[test]
    fn a_form_is_read_whatever_its_json_type() {
        let token = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let written = json!({"flow_token": token, "rating": "4", "a\0b": "c\0d"}).to_string();
        let (form_read, reference) = form(&json!(written));
        assert_eq!((form_read, reference.is_some()), (json!({"rating": "4", "ab": "cd"}), true));
        for (written, read) in [
            (json!("no JSON"), json!("no JSON")),
            (json!("[1]"), json!([1])),
            (json!("7"), json!(7)),
            (json!({"flow_token": "of somebody else"}), json!({})),
        ] {
            assert_eq!(form(&written), (read, None));
        }
    }

    proptest! {
        #[test]
        fn any_time_is_read_without_a_panic(number: i64, text: String) {
            time(Some(&json!(number)));
            time(Some(&json!(number.to_string())));
            time(Some(&json!(text)));
        }
    }
}
