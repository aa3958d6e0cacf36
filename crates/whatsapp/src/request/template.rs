//! Meta's components of a template message, which other providers pass on.
//!
//! Sources: `https://developers.facebook.com/docs/whatsapp/flows/guides/flows-templates`, and the example "Send Flow Template
//! Message" of the `OpenAPI` document. The flow button always has our flow token, and its data without a nested payload.
//! Components without variables are left out.

use campaign::{FlowButton, Reference, TemplateMessage};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::request::interactive::as_text;

/// One component of a template with its parameters.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Component<'a> {
    Header {
        parameters: [Text<'a>; 1],
    },
    Body {
        parameters: Vec<Text<'a>>,
    },
    Button {
        sub_type: &'static str,
        #[serde(serialize_with = "as_text")]
        index: u8,
        parameters: [ButtonParameter<'a>; 1],
    },
}

#[derive(Serialize)]
pub(crate) struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// The parameter of a button.
#[derive(Serialize)]
pub(crate) struct ButtonParameter<'a> {
    r#type: &'static str,
    action: Action<'a>,
}

#[derive(Serialize)]
struct Action<'a> {
    #[serde(serialize_with = "as_text")]
    flow_token: Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action_data: Option<&'a Map<String, Value>>,
}

/// The components of this message, with the reference as the flow token of its button.
pub(crate) fn components(message: &TemplateMessage, reference: Reference) -> Vec<Component<'_>> {
    let mut components = Vec::with_capacity(3);
    components
        .extend(message.header.as_deref().map(|header| Component::Header { parameters: [text(header)] }));
    if !message.body.is_empty() {
        let parameters = message.body.iter().map(|variable| text(variable)).collect();
        components.push(Component::Body { parameters });
    }
    components.extend(message.button.as_ref().map(|button| flow_button(button, reference)));
    components
}

fn text(text: &str) -> Text<'_> {
    Text { r#type: "text", text }
}

fn flow_button(button: &FlowButton, reference: Reference) -> Component<'_> {
    let action = Action { flow_token: reference, flow_action_data: button.data.as_ref() };
    Component::Button {
        sub_type: "flow",
        index: button.index,
        parameters: [ButtonParameter { r#type: "action", action }],
    }
}
