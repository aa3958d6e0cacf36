//! The approved templates of the account, and the difference of a message from them, by Meta's codes.

use std::collections::BTreeSet;

use serde_json::Value;

/// The approved templates, in Meta's form.
pub(crate) struct TemplateList(Vec<Value>);

impl TemplateList {
    pub(crate) fn new(templates: &[Value]) -> Self {
        Self(templates.to_vec())
    }

    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }

    /// Meta's code for a message that differs from the approved template: 132001 if there is none in this language, 132015 if it is
    /// not approved, 132000 for another number of variables, 132012 for another kind of header, variable or button. Without
    /// templates, every message is accepted.
    pub(crate) fn difference(
        &self,
        name: &Value,
        language: &Value,
        components: Option<&Value>,
    ) -> Option<&'static str> {
        if self.0.is_empty() {
            return None;
        }
        let is_it = |template: &&Value| {
            template["name"] == *name && Some(&template["language"]) == language.get("code")
        };
        let Some(template) = self.0.iter().find(is_it) else { return Some("132001") };
        if !word(&template["status"]).eq_ignore_ascii_case("approved") {
            return Some("132015");
        }
        let nothing = Vec::new();
        let sent = components.and_then(Value::as_array).unwrap_or(&nothing);
        let approved = template["components"].as_array().unwrap_or(&nothing);
        check_texts(approved, sent)
            .or_else(|| check_header(approved, sent))
            .or_else(|| check_buttons(approved, sent))
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn of_type<'a>(components: &'a [Value], kind: &str) -> Option<&'a Value> {
    components.iter().find(|component| word(&component["type"]).eq_ignore_ascii_case(kind))
}

fn variables(text: &Value) -> BTreeSet<&str> {
    let parts = word(text).split("{{").skip(1);
    parts.filter_map(|part| part.split_once("}}").map(|(name, _)| name.trim())).collect()
}

fn parameters(component: Option<&Value>) -> &[Value] {
    component.and_then(|component| component["parameters"].as_array()).map_or(&[], Vec::as_slice)
}

/// Compares the variables of the body and of a text header.
fn check_texts(approved: &[Value], sent: &[Value]) -> Option<&'static str> {
    for kind in ["header", "body"] {
        let known = of_type(approved, kind).map(|part| variables(&part["text"])).unwrap_or_default();
        let given = parameters(of_type(sent, kind));
        let given: Vec<&Value> = given.iter().filter(|parameter| parameter["type"] == "text").collect();
        if given.len() != known.len() {
            return Some("132000");
        }
        let is_named = known.iter().any(|name| name.parse::<u8>().is_err());
        let names: BTreeSet<&str> =
            given.iter().map(|parameter| word(&parameter["parameter_name"])).collect();
        let is_same = if is_named { names == known } else { names.iter().all(|name| name.is_empty()) };
        if !is_same {
            return Some("132012");
        }
    }
    None
}

/// Compares the kind of the header's media.
fn check_header(approved: &[Value], sent: &[Value]) -> Option<&'static str> {
    let known =
        of_type(approved, "header").map_or(String::new(), |header| word(&header["format"]).to_lowercase());
    let known = Some(known).filter(|format| !format.is_empty() && format != "text");
    let given = parameters(of_type(sent, "header")).iter().map(|parameter| word(&parameter["type"]));
    let given = given.filter(|kind| *kind != "text").map(str::to_owned).next();
    (known != given).then_some("132012")
}

/// Compares the buttons: each value has a button of its kind, and each button that needs a value has one.
fn check_buttons(approved: &[Value], sent: &[Value]) -> Option<&'static str> {
    let nothing = Vec::new();
    let known = of_type(approved, "buttons").and_then(|part| part["buttons"].as_array()).unwrap_or(&nothing);
    let given: Vec<(usize, &str)> = sent
        .iter()
        .filter(|component| component["type"] == "button")
        .map(|button| (word(&button["index"]).parse().unwrap_or(usize::MAX), word(&button["sub_type"])))
        .collect();
    let is_known = |(index, kind): &(usize, &str)| {
        known.get(*index).is_some_and(|button| word(&button["type"]).eq_ignore_ascii_case(kind))
    };
    if !given.iter().all(is_known) {
        return Some("132012");
    }
    let needs_value = |button: &Value| {
        let kind = word(&button["type"]).to_lowercase();
        kind == "copy_code" || (kind == "url" && !variables(&button["url"]).is_empty())
    };
    let lacks =
        |(index, button): (usize, &Value)| needs_value(button) && !given.iter().any(|(at, _)| *at == index);
    known.iter().enumerate().any(lacks).then_some("132000")
}
