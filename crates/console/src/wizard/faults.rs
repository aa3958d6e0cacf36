//! What is wrong with a form: each fault belongs to a field.

use campaign::{CompileError, DefinitionError};

use crate::wizard::fields::DEFAULT;
use crate::words::capital;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The name of the field; `form` if it is about the whole form.
    pub(crate) field: String,
    /// What is wrong, and what to do.
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }
}

/// The fault of a definition at its field.
pub(crate) fn of_definition(error: &DefinitionError) -> Fault {
    let at = |field: &str, reason: &str| Fault::new(field, format!("{}: {reason}", label(field)));
    match error {
        DefinitionError::Form(error) => Fault::new("form", error.message()),
        DefinitionError::Value { field, reason } => match *field {
            "name" => at("name", reason),
            "policy.assume_window" => at("assume_window", reason),
            "[flow]" => at("kind", reason),
            field => Fault::new("form", format!("{field} {reason}")),
        },
        DefinitionError::Provider { provider, section, field, reason } => {
            let field = field_of(section, field);
            Fault::new(field, format!("{} ({provider}): {reason}", label(field)))
        }
        DefinitionError::Default { name, needed } => {
            let text = format!("The message needs no variable {name}; it needs {needed}");
            Fault::new(format!("{DEFAULT}{name}"), text)
        }
        DefinitionError::Message(
            CompileError::Syntax { section, field, reason } | CompileError::Field { section, field, reason },
        ) => at(field_of(section, field), reason),
    }
}

/// The field of the form for a field of the campaign file.
fn field_of(section: &str, field: &str) -> &'static str {
    let first = field.split('.').next().unwrap_or_default();
    match (section, first) {
        ("flow", "header") => "header",
        ("flow", "body") => "body",
        ("flow", "footer") => "footer",
        ("flow", "cta") => "cta",
        ("flow", "flow_id") => "flow_id",
        ("flow", "flow_name") => "flow_name",
        ("flow", "screen") => "screen",
        ("flow", "data") => "data",
        ("flow", "action") => "action",
        ("flow", "mode") => "mode",
        ("template", "name") => "template",
        ("template", "language") => "language",
        ("template", "namespace") => "namespace",
        ("template", "header") => "template_header",
        ("template", "body") => "template_body",
        ("template", "button") => "button_data",
        _ => "form",
    }
}

/// The label of a field of the form.
pub(crate) fn label(field: &str) -> String {
    let label = match field {
        "name" => "Campaign name",
        "sender" => "Sender",
        "kind" => "Message type",
        "header" => "Header",
        "body" => "Text",
        "footer" => "Footer",
        "cta" => "Button text",
        "known_flow" => "Flow",
        "known_template" => "Template",
        "flow_id" => "Flow id",
        "flow_name" => "Flow name",
        "screen" => "First screen",
        "data" => "Data of the first screen",
        "action" => "Button action",
        "mode" => "Flow version",
        "template" => "Template name",
        "language" => "Template language",
        "namespace" => "Template namespace",
        "template_header" => "Header variable",
        "template_body" => "Body variables",
        "fold_spaces" => "Fold spaces",
        "button" => "Flow button",
        "button_index" => "Button position",
        "button_data" => "Data of the template's flow",
        "assume_window" => "24-hour window",
        "default_country" => "Country",
        "number_column" => "Number column",
        "exclude_campaigns" => "Leave out recipients of campaigns",
        "start" => "Start",
        "start_at" => "Start time",
        "sender_name" => "Name",
        "number" => "Business number",
        "account" => "Account id",
        "base_url" => "Address of the API",
        "api_version" => "Graph API version",
        "api_key_ref" => "Where the API key is",
        "rate" => "Rate",
        "cap" => "Daily cap",
        "cap_zone" => "Time zone of the day",
        "file" => "Flow JSON",
        "pasted" => "Or its text",
        "buttons" => "Buttons",
        "hours" => "Sending hours",
        "zone" => "Time zone",
        "clock" => "Which clock",
        "when_over" => "After the hours",
        "form" => "This campaign",
        other => match other.strip_prefix(DEFAULT) {
            Some(variable) => return format!("If {variable} is empty"),
            None => return capital(&other.replace('_', " ")),
        },
    };
    label.to_owned()
}
