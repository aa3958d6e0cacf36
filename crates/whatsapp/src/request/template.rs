//! Meta's components of a template message, which other providers pass on.
//!
//! Sources: `https://developers.facebook.com/docs/whatsapp/flows/guides/flows-templates`, and the example "Send Flow Template
//! Message" of the `OpenAPI` document. The flow button always has our flow token, and its data without a nested payload.
//! Components without variables are left out. Media of a header, `parameter_name` and the values of other buttons are those of the
//! same document; a header's media is given by its address or by its id at Meta.

use campaign::{
    ButtonKind, ButtonValue, FlowButton, HeaderMedia, MediaKind, MediaSource, Reference, TemplateHeader,
    TemplateMessage, TemplateParameter,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::request::interactive::as_text;

/// One component of a template with its parameters.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Component<'a> {
    Header {
        parameters: [Parameter<'a>; 1],
    },
    Body {
        parameters: Vec<Parameter<'a>>,
    },
    Button {
        sub_type: &'static str,
        #[serde(serialize_with = "as_text")]
        index: u8,
        parameters: [Parameter<'a>; 1],
    },
}

/// A parameter of a component.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Parameter<'a> {
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<&'a str>,
        text: &'a str,
    },
    Image {
        image: Media<'a>,
    },
    Video {
        video: Media<'a>,
    },
    Document {
        document: Media<'a>,
    },
    Payload {
        payload: &'a str,
    },
    CouponCode {
        coupon_code: &'a str,
    },
    Action {
        action: Action<'a>,
    },
}

/// A file, by its address or by its id at Meta.
#[derive(Serialize)]
pub(crate) struct Media<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct Action<'a> {
    #[serde(serialize_with = "as_text")]
    flow_token: Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action_data: Option<&'a Map<String, Value>>,
}

/// The components of this message, with the reference as the flow token of its button.
pub(crate) fn components(message: &TemplateMessage, reference: Reference) -> Vec<Component<'_>> {
    let mut components = Vec::with_capacity(3 + message.buttons.len());
    components
        .extend(message.header.as_ref().map(|header| Component::Header { parameters: [of_header(header)] }));
    if !message.body.is_empty() {
        components.push(Component::Body { parameters: message.body.iter().map(text).collect() });
    }
    components.extend(message.button.as_ref().map(|button| flow_button(button, reference)));
    components.extend(message.buttons.iter().map(other_button));
    components
}

fn of_header(header: &TemplateHeader) -> Parameter<'_> {
    match header {
        TemplateHeader::Text(variable) => text(variable),
        TemplateHeader::Media(media) => of_media(media),
    }
}

fn text(TemplateParameter { name, text }: &TemplateParameter) -> Parameter<'_> {
    Parameter::Text { parameter_name: name.as_deref(), text }
}

fn of_media(HeaderMedia { kind, source, filename }: &HeaderMedia) -> Parameter<'_> {
    let (link, id) = match source {
        MediaSource::Link(link) => (Some(link.as_str()), None),
        MediaSource::Id(id) => (None, Some(id.as_str())),
    };
    let media = Media { link, id, filename: filename.as_deref() };
    match kind {
        MediaKind::Image => Parameter::Image { image: media },
        MediaKind::Video => Parameter::Video { video: media },
        MediaKind::Document => Parameter::Document { document: media },
    }
}

fn flow_button(button: &FlowButton, reference: Reference) -> Component<'_> {
    let action = Action { flow_token: reference, flow_action_data: button.data.as_ref() };
    Component::Button { sub_type: "flow", index: button.index, parameters: [Parameter::Action { action }] }
}

fn other_button(ButtonValue { index, kind, value }: &ButtonValue) -> Component<'_> {
    let parameter = match kind {
        ButtonKind::Url => Parameter::Text { parameter_name: None, text: value },
        ButtonKind::QuickReply => Parameter::Payload { payload: value },
        ButtonKind::CopyCode => Parameter::CouponCode { coupon_code: value },
    };
    Component::Button { sub_type: kind.word(), index: *index, parameters: [parameter] }
}
