//! LipaChat: requests and answers.
//!
//! Sources: "Send a flow", and `docs.lipachat.com/api/editor-4/sending-message-templates` for templates. `messageId` is the
//! reference, so a resend to a recipient has the same id; the provider says that it uses the id for deduplication. There is no
//! flow token. Instead, the reference is also a member of the first screen's data, [`LIPACHAT_REFERENCE`].

mod errors;
mod webhook;

use campaign::{
    FlowAction, FlowMessage, FlowName, HeaderMedia, LIPACHAT_REFERENCE, MediaKind, MediaSource, Message,
    Msisdn, Reference, Refusal, TemplateHeader, TemplateMessage, Verdict,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use url::Url;

use self::errors::ERRORS;
use crate::account::Account;
use crate::classification::answer::{HttpAnswer, ParsedAnswer};
use crate::classification::classify::{classify, find_rule};
use crate::classification::error_rule::Rule;
use crate::error::Error;
use crate::providers::adapter::{Adapter, Route, json};
use crate::providers::meta::errors as meta_errors;
use crate::request::interactive::as_text;
use crate::request::outgoing::Outgoing;
use crate::webhook::InvalidBody;
use crate::webhook::reader::Reader;

/// LipaChat documents no codes. If its text names one in Meta's notation, that code decides.
const RULES: [&[Rule]; 2] = [ERRORS, meta_errors::ERRORS];
const NOT_SUPPORTED: Refusal = Refusal::own("not_at_this_provider");

pub(crate) struct LipaChat;

impl Adapter for LipaChat {
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error> {
        let url = |path| {
            let mut url = base.clone();
            url.set_path(path);
            url
        };
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("apikey"), account.checked_key()?);
        Ok(Route {
            flow: url("/api/v1/whatsapp/interactive/flows"),
            template: url("/api/v1/whatsapp/template"),
            headers,
            number: account.checked_number()?.to_owned(),
        })
    }

    fn body(&self, route: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        match outgoing.message {
            Message::Flow(message) => json(&FlowBody::new(route, outgoing, message)?),
            Message::Template(message) => json(&TemplateBody::new(route, outgoing, message)?),
        }
    }

    /// An answer accepts the message if it has `success`, `SENT` and WhatsApp's id. The documented 401 has `success` as well.
    fn classify(&self, answer: &HttpAnswer<'_>) -> Verdict {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        let text = |pointer| body.pointer(pointer).and_then(Value::as_str);
        let is_sent = text("/status") == Some("success") && text("/data/status") == Some("SENT");
        let mut parsed = ParsedAnswer {
            code: None,
            // The text of an accepting answer is not searched for refusals.
            message: text("/message").filter(|_| !is_sent).unwrap_or_default(),
            message_id: body.pointer("/data/waId").filter(|_| is_sent),
            is_refusal: false,
        };
        let is_known = find_rule(&RULES, None, &mut parsed).is_some();
        let has_no_data = body.get("data").is_none_or(Value::is_null);
        let is_refusal = has_no_data && (text("/status") == Some("error") || is_known);
        classify(&RULES, answer, ParsedAnswer { is_refusal, ..parsed })
    }

    fn errors(&self) -> &'static [Rule] {
        ERRORS
    }

    fn read_webhook(&self, body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
        webhook::read(body, reader)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowBody<'a> {
    #[serde(serialize_with = "as_text")]
    message_id: Reference,
    #[serde(serialize_with = "as_text")]
    to: Msisdn,
    from: &'a str,
    text: &'a str,
    flow_id: &'a str,
    flow_cta: &'a str,
    screen: &'a str,
    #[serde(skip_serializing_if = "Data::is_empty")]
    data: Data<'a>,
}

/// The data of the first screen, with our reference.
struct Data<'a> {
    data: Option<&'a Map<String, Value>>,
    reference: Option<Reference>,
}

impl Data<'_> {
    fn is_empty(&self) -> bool {
        self.data.is_none() && self.reference.is_none()
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.data.into_iter().flatten().filter(|(name, _)| *name != LIPACHAT_REFERENCE);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in members {
            map.serialize_entry(name, value)?;
        }
        if let Some(reference) = self.reference {
            map.serialize_entry(LIPACHAT_REFERENCE, &reference.to_string())?;
        }
        map.end()
    }
}

impl<'a> FlowBody<'a> {
    fn new(route: &'a Route, outgoing: &Outgoing<'a>, message: &'a FlowMessage) -> Result<Self, Refusal> {
        let (FlowName::Id(flow_id), FlowAction::Navigate { screen, data }) = (&message.flow, &message.action)
        else {
            return Err(NOT_SUPPORTED);
        };
        if message.header.is_some() || message.footer.is_some() {
            return Err(NOT_SUPPORTED);
        }
        Ok(Self {
            message_id: outgoing.reference,
            to: outgoing.to,
            from: &route.number,
            text: &message.body,
            flow_id,
            flow_cta: &message.cta,
            screen,
            data: Data {
                data: data.as_ref(),
                reference: message.has_reference.then_some(outgoing.reference),
            },
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateBody<'a> {
    #[serde(serialize_with = "as_text")]
    message_id: Reference,
    #[serde(serialize_with = "as_text")]
    to: Msisdn,
    from: &'a str,
    template: Template<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template<'a> {
    name: &'a str,
    language_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Components<'a>>,
}

#[derive(Serialize)]
struct Components<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Header<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
}

/// The media of the header. The page shows the members; the words of `type` are not established, and those of Meta's templates are
/// used.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    r#type: &'static str,
    media_url: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    placeholders: Vec<&'a str>,
}

impl<'a> TemplateBody<'a> {
    fn new(route: &'a Route, outgoing: &Outgoing<'a>, message: &'a TemplateMessage) -> Result<Self, Refusal> {
        let has_names = message.body.iter().any(|variable| variable.name.is_some());
        if message.button.is_some() || !message.buttons.is_empty() || has_names {
            return Err(NOT_SUPPORTED);
        }
        let header = message.header.as_ref().map(Header::new).transpose()?;
        let placeholders: Vec<&str> = message.body.iter().map(|variable| variable.text.as_str()).collect();
        let body = (!placeholders.is_empty()).then_some(Body { placeholders });
        let components = (header.is_some() || body.is_some()).then_some(Components { header, body });
        let template = Template { name: &message.name, language_code: &message.language, components };
        Ok(Self { message_id: outgoing.reference, to: outgoing.to, from: &route.number, template })
    }
}

impl<'a> Header<'a> {
    fn new(header: &'a TemplateHeader) -> Result<Self, Refusal> {
        let TemplateHeader::Media(HeaderMedia { kind, source: MediaSource::Link(link), filename: None }) =
            header
        else {
            return Err(NOT_SUPPORTED);
        };
        let r#type = match kind {
            MediaKind::Image => "IMAGE",
            MediaKind::Video => "VIDEO",
            MediaKind::Document => "DOCUMENT",
        };
        Ok(Self { r#type, media_url: link })
    }
}
