//! The checks of the components of a template message.
//!
//! Rules: the schema of components in <https://github.com/facebook/openapi> and Meta's pages on templates. A header has one
//! parameter: a text, or one media object with either a link or an id. The parameters of a body have either names or none. Each kind
//! of button has its own parameter, and no two components are about the same part.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::providers::json_check::{Object, Violation};
use crate::providers::message_object::ANY;

/// Checks the components of a template.
pub(crate) fn check_components(template: &Object<'_, '_>, name: &str) -> Result<(), Violation> {
    let mut parts = BTreeSet::new();
    template.each(name, |component| {
        let part = check_component(component)?;
        if parts.insert(part) {
            Ok(())
        } else {
            Err(component.wrong("type", "must not stand twice for one part"))
        }
    })?;
    Ok(())
}

/// Checks one component, and returns the part of the template that it is about.
fn check_component(component: &Object<'_, '_>) -> Result<String, Violation> {
    let kind = component.required_word("type", &["header", "body", "footer", "button"])?;
    match kind {
        "button" => return check_button(component).map(|index| format!("button {index}")),
        "header" => {
            component.allow_members(&["type", "parameters"]);
            let n = component.each("parameters", check_header_parameter)?;
            if n.is_some_and(|n| n != 1) {
                return Err(component.wrong("parameters", "must have one parameter for a header"));
            }
        }
        _ => {
            component.allow_members(&["type", "parameters"]);
            check_body_parameters(component)?;
        }
    }
    Ok(kind.to_owned())
}

/// Checks the parameters of a body: all of them have different names, or none has a name.
fn check_body_parameters(component: &Object<'_, '_>) -> Result<(), Violation> {
    let (mut names, mut named, mut all) = (BTreeSet::new(), 0, 0);
    component.each("parameters", |parameter| {
        let kind = parameter.required_word("type", &["text", "currency", "date_time"])?;
        check_content(parameter, kind)?;
        all += 1;
        if let Some(name) = parameter.text("parameter_name", ANY)? {
            named += 1;
            if !names.insert(name.to_owned()) {
                return Err(parameter.wrong("parameter_name", "must not stand twice"));
            }
        }
        Ok(())
    })?;
    if named == 0 || named == all {
        Ok(())
    } else {
        Err(component.wrong("parameters", "must all have a parameter_name, or none"))
    }
}

fn check_header_parameter(parameter: &Object<'_, '_>) -> Result<(), Violation> {
    let kind = parameter.required_word("type", &["text", "image", "video", "document", "location"])?;
    check_content(parameter, kind)?;
    if !matches!(kind, "image" | "video" | "document") {
        return Ok(());
    }
    let media = parameter.required_object(kind)?;
    media.allow_members(&["link", "id", "filename"]);
    match (media.text("link", ANY)?, media.text("id", ANY)?) {
        (None, None) => return Err(media.wrong("link", "is required, or id")),
        (Some(_), Some(_)) => return Err(media.wrong("id", "must not stand beside link")),
        (Some(link), None) => {
            let is_address = link.starts_with("https://") || link.starts_with("http://");
            if !is_address || link.contains(char::is_whitespace) {
                return Err(media.wrong("link", "must be a web address"));
            }
        }
        (None, Some(_)) => {}
    }
    match media.text("filename", ANY)? {
        Some(_) if kind != "document" => Err(media.wrong("filename", "is only for a document")),
        _ => Ok(()),
    }
}

/// Checks a button, and returns its index.
fn check_button(button: &Object<'_, '_>) -> Result<u64, Violation> {
    button.allow_members(&["type", "sub_type", "index", "parameters"]);
    let sub_types = ["flow", "quick_reply", "url", "copy_code", "catalog", "mpm", "voice_call"];
    let sub_type = button.required_word("sub_type", &sub_types)?;
    let index = index(button)?;
    let n = button.each("parameters", |parameter| match sub_type {
        "flow" => check_flow_button(parameter),
        "url" => check_of_kind(parameter, &["text"]),
        "quick_reply" => check_of_kind(parameter, &["payload"]),
        "copy_code" => check_of_kind(parameter, &["coupon_code"]),
        _ => check_of_kind(parameter, &["action", "payload", "text"]),
    })?;
    match (sub_type, n) {
        (_, Some(n)) if n != 1 => Err(button.wrong("parameters", "must have one parameter for a button")),
        // The flow button of the vendor's page has no parameters.
        ("flow", None) | (_, Some(_)) => Ok(index),
        (_, None) => Err(button.missing("parameters")),
    }
}

/// The index of a button: a digit, as a string or as a number.
fn index(button: &Object<'_, '_>) -> Result<u64, Violation> {
    let index = match button.value("index") {
        None => return Err(button.missing("index")),
        Some(Value::String(text)) if text.len() == 1 => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    index.filter(|index| *index < 10).ok_or_else(|| button.wrong("index", "must be 0 to 9"))
}

fn check_flow_button(parameter: &Object<'_, '_>) -> Result<(), Violation> {
    parameter.allow_members(&["type", "action"]);
    parameter.required_word("type", &["action"])?;
    let action = parameter.required_object("action")?;
    action.allow_members(&["flow_token", "flow_action_data"]);
    action.text("flow_token", ANY)?;
    action.non_empty_object("flow_action_data")
}

fn check_of_kind(parameter: &Object<'_, '_>, kinds: &[&str]) -> Result<(), Violation> {
    let kind = parameter.required_word("type", kinds)?;
    check_content(parameter, kind)
}

/// Meta's rule for the text of a template parameter, in its own words.
pub(crate) const PARAM_TEXT: &str = "cannot have new-line/tab characters or more than 4 consecutive spaces";

/// Whether Meta accepts the text as a template parameter.
pub(crate) fn is_param_text(text: &str) -> bool {
    !text.contains(['\n', '\r', '\t']) && !text.contains("     ")
}

/// Checks the member of a parameter that has its value.
fn check_content(parameter: &Object<'_, '_>, kind: &str) -> Result<(), Violation> {
    parameter.allow_members(&["type", "parameter_name", kind]);
    if matches!(kind, "text" | "payload" | "coupon_code") {
        let text = parameter.required_text(kind, ANY)?;
        if !is_param_text(text) {
            return Err(parameter.wrong(kind, PARAM_TEXT));
        }
    } else {
        parameter.required_object(kind)?;
    }
    Ok(())
}
