//! Meta's message object: the whole body for Meta, and `messaging_object` for Kaleyra.

use std::fmt;

use campaign::{Message, Msisdn, Reference, TemplateMessage};
use serde::Serialize;

use crate::request::interactive::{Interactive, as_text};
use crate::request::outgoing::Outgoing;
use crate::request::template::{Component, components};

/// One message to one recipient.
#[derive(Serialize)]
pub(crate) struct MessageObject<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    #[serde(serialize_with = "as_text")]
    to: To,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<Callback>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interactive: Option<Interactive<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Template<'a>>,
}

/// The value that receipts repeat.
#[derive(Serialize)]
struct Callback(#[serde(serialize_with = "as_text")] Reference);

#[derive(Serialize)]
struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Language<'a> {
    code: &'a str,
}

/// The recipient's number in the format of the provider.
#[derive(Clone, Copy)]
pub(crate) struct To {
    /// The prefix: `+` or empty.
    pub(crate) plus: &'static str,
    pub(crate) number: Msisdn,
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.plus, self.number)
    }
}

impl<'a> MessageObject<'a> {
    /// The object for this message. Receipts repeat `callback`, if the provider supports it in this object.
    pub(crate) fn new(outgoing: &Outgoing<'a>, plus: &'static str, callback: Option<Reference>) -> Self {
        let (kind, interactive, template) = match outgoing.message {
            Message::Flow(flow) => ("interactive", Some(Interactive::flow(flow, outgoing.reference)), None),
            Message::Template(template) => {
                ("template", None, Some(with_values(template, outgoing.reference)))
            }
        };
        Self {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to: To { plus, number: outgoing.to },
            r#type: kind,
            biz_opaque_callback_data: callback.map(Callback),
            interactive,
            template,
        }
    }
}

fn with_values(message: &TemplateMessage, reference: Reference) -> Template<'_> {
    Template {
        name: &message.name,
        language: Language { code: &message.language },
        components: components(message, reference),
    }
}
