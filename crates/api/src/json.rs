//! JSON bodies.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use control::Problem;
use serde::de::DeserializeOwned;

use crate::problem::{Failure, Kind};

/// Reads a JSON body. A body that is left out has no members.
pub(crate) fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Failure> {
    let kind = media_type(headers);
    if !(kind == "application/json" || (bytes.is_empty() && kind.is_empty())) {
        let text = "the body must be JSON; send 'Content-Type: application/json'";
        return Err(Failure::new(Kind::UnsupportedMediaType, text));
    }
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let text = text(bytes)?;
    // Otherwise an array would be read as the members of a struct in their order.
    if !text.trim_start().starts_with('{') {
        return Err(invalid("the body is not a JSON object", ""));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let body = T::deserialize(tracked).map_err(|error| {
        let pointer = pointer(&track.path());
        invalid(&error.to_string(), &pointer)
    })?;
    reader.end().map_err(|error| invalid(&error.to_string(), ""))?;
    Ok(body)
}

/// The type of the body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body as a text. PostgreSQL stores no NUL.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("the body is not UTF-8", ""))?;
    if text.contains("\\u0000") || text.contains('\0') {
        return Err(invalid("the body contains the character U+0000", ""));
    }
    Ok(text)
}

fn invalid(text: &str, pointer: &str) -> Failure {
    Failure::of(Problem::InvalidBody, format!("the body is wrong: {text}"))
        .at(pointer.to_owned(), text.to_owned())
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use control::SenderChange;

    use super::*;

    #[test]
    fn a_wrong_member_is_named_by_its_pointer() {
        let kind = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]);
        let failure = |body: &str| parse::<SenderChange>(&kind, body.as_bytes()).unwrap_err();
        let wrong = format!("{:?}", failure(r#"{"daily_cap": {"recipients": "x", "zone": "UTC"}}"#));
        assert!(wrong.contains("\"/daily_cap/recipients\""), "{wrong}");
        let unknown = format!("{:?}", failure(r#"{"rates": "20/s"}"#));
        assert!(unknown.contains("unknown field `rates`"), "{unknown}");
        for body in ["", "{}", r#"{"rate": null}"#] {
            parse::<SenderChange>(&kind, body.as_bytes()).unwrap();
        }
        for body in ["{} {}", "[]", "nul", "{\"rate\": \"\\u0000\"}"] {
            failure(body);
        }
    }
}
