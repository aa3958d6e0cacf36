//! The checks of Meta's message object for flows and templates. Kaleyra passes the same object on as `messaging_object`.
//!
//! Texts are 1 to 60 (header, footer), 1 to 1024 (body) and 1 to 30 (button) characters long.
//! Rules: <https://developers.facebook.com/docs/whatsapp/flows/gettingstarted/sendingaflow> and the schema `ActionObject` of
//! <https://github.com/facebook/openapi>.

use serde_json::Value;

use crate::Msisdn;
use crate::providers::json_check::{Object, Violation};
pub(crate) use crate::providers::template_object::check_components;

pub(crate) const ANY: std::ops::RangeInclusive<usize> = 1..=usize::MAX;

/// Checks a message object except for unknown members, and returns the type of its content.
pub(crate) fn check_message<'v>(object: &Object<'v, '_>) -> Result<&'v str, Violation> {
    object.required_word("messaging_product", &["whatsapp"])?;
    object.word("recipient_type", &["individual"])?;
    check_number(object, "to")?;
    // Without `type` the message would be of type text, which this endpoint does not accept.
    let kind = object.required_word("type", &["interactive", "template"])?;
    let content = object.required_object(kind)?;
    if kind == "template" {
        check_template(&content)?;
    } else {
        check_interactive(&content)?;
    }
    Ok(kind)
}

/// Checks that the member is one E.164 number, and returns it.
pub(crate) fn check_number(object: &Object<'_, '_>, name: &str) -> Result<Msisdn, Violation> {
    let number = object.required_text(name, ANY)?;
    Msisdn::parse(number).ok_or_else(|| object.wrong(name, "must be one E.164 number"))
}

/// Checks an `interactive` object of type `flow`.
fn check_interactive(interactive: &Object<'_, '_>) -> Result<(), Violation> {
    interactive.allow_members(&["type", "header", "body", "footer", "action"]);
    interactive.required_word("type", &["flow"])?;
    if let Some(header) = interactive.object("header")? {
        header.allow_members(&["type", "text"]);
        header.required_word("type", &["text"])?;
        header.text("text", 1..=60)?;
    }
    check_text_part(interactive, "body", 1024)?;
    check_text_part(interactive, "footer", 60)?;
    let action = interactive.required_object("action")?;
    action.allow_members(&["name", "parameters"]);
    action.required_word("name", &["flow"])?;
    check_flow_parameters(&action.required_object("parameters")?)
}

/// Checks a `template` object, including its flow button.
fn check_template(template: &Object<'_, '_>) -> Result<(), Violation> {
    template.allow_members(&["name", "language", "components"]);
    template.required_text("name", 1..=512)?;
    let language = template.required_object("language")?;
    language.allow_members(&["code"]);
    language.required_text("code", ANY)?;
    check_components(template, "components")
}

/// The flow token of a message object, interactive or template, unchecked.
pub(crate) fn flow_token(message: &Value) -> Option<&str> {
    if let Some(interactive) = message.get("interactive") {
        return interactive.get("action")?.get("parameters")?.get("flow_token")?.as_str();
    }
    button_token(message.get("template")?.get("components")?)
}

/// The flow token in the components of a template, unchecked.
pub(crate) fn button_token(components: &Value) -> Option<&str> {
    let components = components.as_array()?;
    let mut parameters =
        components.iter().filter_map(|component| component.get("parameters")?.as_array()).flatten();
    parameters.find_map(|parameter| parameter.get("action")?.get("flow_token")?.as_str())
}

fn check_text_part(interactive: &Object<'_, '_>, name: &str, max: usize) -> Result<(), Violation> {
    if let Some(part) = interactive.object(name)? {
        part.allow_members(&["text"]);
        part.text("text", 1..=max)?;
    }
    Ok(())
}

fn check_flow_parameters(parameters: &Object<'_, '_>) -> Result<(), Violation> {
    parameters.allow_members(&[
        "flow_message_version",
        "flow_id",
        "flow_name",
        "flow_cta",
        "flow_token",
        "mode",
        "flow_action",
        "flow_action_payload",
    ]);
    parameters.required_word("flow_message_version", &["3"])?;
    parameters.required_text("flow_cta", 1..=30)?;
    match (parameters.text("flow_id", ANY)?, parameters.text("flow_name", ANY)?) {
        (None, None) => return Err(parameters.wrong("flow_id", "is required, or flow_name")),
        (Some(_), Some(_)) => return Err(parameters.wrong("flow_name", "must not stand beside flow_id")),
        _ => {}
    }
    parameters.text("flow_token", ANY)?;
    parameters.word("mode", &["draft", "published"])?;
    let flow_action = parameters.word("flow_action", &["navigate", "data_exchange"])?.unwrap_or("navigate");
    if let Some(payload) = parameters.object("flow_action_payload")? {
        if flow_action != "navigate" {
            return Err(parameters.wrong("flow_action_payload", "is only for flow_action navigate"));
        }
        payload.allow_members(&["screen", "data"]);
        payload.required_text("screen", ANY)?;
        payload.non_empty_object("data")?;
    }
    Ok(())
}
