//! Flow answers as people read them.

use serde_json::Value;

/// The fields of an answer, by name, with their values as text.
pub(crate) fn fields(answer: &Value) -> Vec<(String, String)> {
    match answer {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        other => vec![("answer".to_owned(), text(other))],
    }
}

/// A value as text: several choices with commas between.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
