//! References in texts of a Flow JSON, such as `${data.name}`.

use serde_json::{Map, Value};

use crate::flow_json::component::{FlowComponent, FlowOption};
use crate::flow_json::read::{options, text_of};

/// The text with each `${data.…}` replaced by its value. References without a value, and to anything else, stay as they are. A text
/// with more than `most` characters is cut.
pub fn fill_flow_text(text: &str, data: &Map<String, Value>, most: usize) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        // A few references to a long value must not make a text of gigabytes.
        if filled.len() > most * 4 {
            break;
        }
        filled.push_str(before);
        let Some((reference, after)) = after.split_once('}') else {
            filled.push_str("${");
            rest = after;
            continue;
        };
        match value_of(reference, data) {
            Some(Value::String(value)) => filled.extend(value.chars().take(most + 1)),
            Some(value) => filled.extend(text_of(value).chars().take(most + 1)),
            None => filled.extend(["${", reference, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    match filled.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", filled.split_at(end).0),
        None => filled,
    }
}

/// The options that a reference such as `${data.towns}` means; `None`: the data has no such list.
pub fn flow_options(reference: &str, data: &Map<String, Value>) -> Option<Vec<FlowOption>> {
    let inner = reference.trim().strip_prefix("${")?.strip_suffix('}')?;
    Some(options(value_of(inner, data)?.as_array()?))
}

impl FlowComponent {
    /// Whether the component is visible with this data. A reference without a value counts as visible.
    pub fn is_visible(&self, data: &Map<String, Value>) -> bool {
        let reference = self.visible.as_deref().unwrap_or_default().trim();
        let inner = reference.strip_prefix("${").and_then(|inner| inner.strip_suffix('}'));
        inner.and_then(|inner| value_of(inner, data)) != Some(&Value::Bool(false))
    }
}

/// The value of `data.a.b`.
fn value_of<'a>(reference: &str, data: &'a Map<String, Value>) -> Option<&'a Value> {
    let mut path = reference.trim().strip_prefix("data.")?.split('.');
    let first = data.get(path.next()?)?;
    path.try_fold(first, |value, member| value.get(member)).filter(|value| !value.is_null())
}
