//! The components of a template message, as Meta defines them and providers pass them on.
//!
//! Meta: `https://developers.facebook.com/docs/whatsapp/flows/guides/flows-templates`, and the example "Send Flow Template
//! Message" of its `OpenAPI` document. The flow button carries its data flat, and always our flow token; what a template
//! has no variables for is left out.

use campaign::{FlowButton, Reference, TemplateMessage};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::interactive::as_text;

/// One part of a template with what it is filled in with.
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
        parameters: [Press<'a>; 1],
    },
}

#[derive(Serialize)]
pub(crate) struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// What pressing the button does.
#[derive(Serialize)]
pub(crate) struct Press<'a> {
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
    components.extend(message.button.as_ref().map(|button| press(button, reference)));
    components
}

fn text(text: &str) -> Text<'_> {
    Text { r#type: "text", text }
}

fn press(button: &FlowButton, reference: Reference) -> Component<'_> {
    let action = Action { flow_token: reference, flow_action_data: button.data.as_ref() };
    Component::Button {
        sub_type: "flow",
        index: button.index,
        parameters: [Press { r#type: "action", action }],
    }
}
