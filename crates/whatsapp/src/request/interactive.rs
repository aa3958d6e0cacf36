//! Meta's `interactive` object of a flow message, which other providers pass on.
//!
//! Source: `https://developers.facebook.com/docs/whatsapp/flows/guides/sendingaflow`. The object borrows from the message and is
//! serialized directly into the request. `flow_token` is always present; `data` is left out if there is none; `data_exchange` has
//! no payload.

use campaign::{FlowAction, FlowMessage, FlowName, Reference};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// `interactive` with `type: "flow"`.
#[derive(Serialize)]
pub(crate) struct Interactive<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Header<'a>>,
    body: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<Text<'a>>,
    action: Action<'a>,
}

#[derive(Serialize)]
struct Header<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Action<'a> {
    name: &'static str,
    parameters: Parameters<'a>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    flow_message_version: &'static str,
    #[serde(serialize_with = "as_text")]
    flow_token: Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_name: Option<&'a str>,
    flow_cta: &'a str,
    mode: &'static str,
    flow_action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action_payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    screen: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Map<String, Value>>,
}

impl<'a> Interactive<'a> {
    /// The flow message, with the reference as its flow token.
    pub(crate) fn flow(message: &'a FlowMessage, reference: Reference) -> Self {
        let (flow_id, flow_name) = match &message.flow {
            FlowName::Id(id) => (Some(id.as_str()), None),
            FlowName::Name(name) => (None, Some(name.as_str())),
        };
        let (flow_action, flow_action_payload) = match &message.action {
            FlowAction::Navigate { screen, data } => {
                ("navigate", Some(Payload { screen, data: data.as_ref() }))
            }
            FlowAction::DataExchange => ("data_exchange", None),
        };
        Self {
            r#type: "flow",
            header: message.header.as_deref().map(|text| Header { r#type: "text", text }),
            body: Text { text: &message.body },
            footer: message.footer.as_deref().map(|text| Text { text }),
            action: Action {
                name: "flow",
                parameters: Parameters {
                    flow_message_version: "3",
                    flow_token: reference,
                    flow_id,
                    flow_name,
                    flow_cta: &message.cta,
                    mode: message.mode.word(),
                    flow_action,
                    flow_action_payload,
                },
            },
        }
    }
}

/// Serializes a value by its `Display`, without allocating a `String`.
pub(crate) fn as_text<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
