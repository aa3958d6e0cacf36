//! Kaleyra (Tata Communications), WhatsApp API version 2: requests and answers.
//!
//! The number in the path is our business number; the recipient is `messaging_object.to`. The answer `202` only says that the
//! message was queued. WhatsApp's refusals arrive later as receipts and are matched by `extra_info.ref`.

use std::fmt;

mod errors;
mod webhook;

use campaign::{CampaignId, Reference, Refusal, Verdict};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use self::errors::ERRORS;
use crate::account::Account;
use crate::classification::answer::{self, HttpAnswer, ParsedAnswer};
use crate::classification::classify::classify;
use crate::classification::error_rule::Rule;
use crate::error::Error;
use crate::providers::adapter::{Adapter, Route, json};
use crate::request::interactive::as_text;
use crate::request::message_object::MessageObject;
use crate::request::outgoing::Outgoing;
use crate::webhook::InvalidBody;
use crate::webhook::reader::Reader;

pub(crate) struct Kaleyra;

impl Adapter for Kaleyra {
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error> {
        let plus = if account.plus_in_path { "+" } else { "" };
        let (sid, number) = (account.checked_account()?, account.checked_number()?);
        let mut url = base.clone();
        url.set_path(&format!("/v2/{sid}/whatsapp/{plus}{number}/messages"));
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("api-key"), account.checked_key()?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(Route { flow: url.clone(), template: url, headers, number: number.to_owned() })
    }

    fn body(&self, _: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        json(&Body {
            messaging_object: MessageObject::new(outgoing, "+", None),
            extra_info: ExtraInfo {
                r#ref: outgoing.reference,
                ref1: CampaignRef(outgoing.campaign),
                ref2: AttemptRef(outgoing.attempt),
                wa_source: "api",
            },
        })
    }

    fn classify(&self, answer: &HttpAnswer<'_>) -> Verdict {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        let parsed = ParsedAnswer {
            code: answer::clean_code(body.get("code")),
            message: body.get("message").and_then(Value::as_str).unwrap_or_default(),
            message_id: body.pointer("/data/message_id"),
            is_refusal: false,
        };
        classify(&[ERRORS], answer, parsed)
    }

    fn errors(&self) -> &'static [Rule] {
        ERRORS
    }

    fn read_webhook(&self, body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
        webhook::read(body, reader)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    messaging_object: MessageObject<'a>,
    extra_info: ExtraInfo,
}

/// Every receipt repeats these values. The provider keeps 255 characters of each; ours are shorter.
#[derive(Serialize)]
struct ExtraInfo {
    #[serde(serialize_with = "as_text")]
    r#ref: Reference,
    #[serde(serialize_with = "as_text")]
    ref1: CampaignRef,
    #[serde(serialize_with = "as_text")]
    ref2: AttemptRef,
    wa_source: &'static str,
}

struct CampaignRef(CampaignId);

impl fmt::Display for CampaignRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "campaign-{}", self.0)
    }
}

struct AttemptRef(u16);

impl fmt::Display for AttemptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("test"),
            number => write!(f, "attempt-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::account;
    use campaign::{FlowAction, FlowMessage, FlowMode, FlowName, Message, Msisdn, ReferenceKey, Seq};
    use proptest::prelude::*;
    use serde_json::json;

    const PAGE: &str = "https://api.in.kaleyra.io";

    fn reference() -> Reference {
        ReferenceKey::new([7; 16]).seal(CampaignId(17), Seq(42))
    }

    fn body_of(message: &FlowMessage) -> String {
        let to = Msisdn::from_digits(919_000_000_001).unwrap();
        let message = &Message::Flow(message.clone());
        let outgoing = Outgoing { to, message, reference: reference(), campaign: CampaignId(17), attempt: 2 };
        String::from_utf8(Kaleyra.body(&route(&account(PAGE)), &outgoing).unwrap()).unwrap()
    }

    fn route(account: &Account) -> Route {
        Kaleyra.route(account, &account.checked_base(false).unwrap()).unwrap()
    }

    fn survey() -> FlowMessage {
        FlowMessage {
            header: Some("Survey".into()),
            body: "Two questions, \"Anna\".\nThank you 🙏".into(),
            footer: Some("STOP to opt out".into()),
            cta: "Open survey".into(),
            flow: FlowName::Id("1197715005513101".into()),
            action: FlowAction::Navigate {
                screen: "WELCOME".into(),
                data: json!({ "first_name": "Anna", "age": 7 }).as_object().cloned(),
            },
            mode: FlowMode::Published,
            has_reference: true,
        }
    }

    /// The request of the documentation page around this `interactive` content; `REF` is replaced by the reference.
    fn page(interactive: &str) -> String {
        format!(
            concat!(
                r#"{{"messaging_object":{{"messaging_product":"whatsapp","recipient_type":"individual","#,
                r#""to":"+919000000001","type":"interactive","interactive":{{"type":"flow",{}}}}},"#,
                r#""extra_info":{{"ref":"REF","ref1":"campaign-17","ref2":"attempt-2","wa_source":"api"}}}}"#
            ),
            interactive
        )
        .replace("REF", &reference().to_string())
    }

    #[test]
    fn a_complete_message_is_serialized_as_on_the_page() {
        let expected = page(concat!(
            r#""header":{"type":"text","text":"Survey"},"body":{"text":"Two questions, \"Anna\".\nThank you 🙏"},"#,
            r#""footer":{"text":"STOP to opt out"},"action":{"name":"flow","parameters":{"flow_message_version":"3","#,
            r#""flow_token":"REF","flow_id":"1197715005513101","flow_cta":"Open survey","mode":"published","#,
            r#""flow_action":"navigate","flow_action_payload":{"screen":"WELCOME","#,
            r#""data":{"first_name":"Anna","age":7}}}}"#
        ));
        assert_eq!(body_of(&survey()), expected);
    }

    #[test]
    fn absent_parts_of_a_message_are_left_out() {
        let action = FlowAction::Navigate { screen: "WELCOME".into(), data: None };
        let message = FlowMessage { header: None, footer: None, action, ..survey() };
        let expected = page(concat!(
            r#""body":{"text":"Two questions, \"Anna\".\nThank you 🙏"},"#,
            r#""action":{"name":"flow","parameters":{"flow_message_version":"3","#,
            r#""flow_token":"REF","flow_id":"1197715005513101","flow_cta":"Open survey","mode":"published","#,
            r#""flow_action":"navigate","flow_action_payload":{"screen":"WELCOME"}}}"#
        ));
        assert_eq!(body_of(&message), expected);
    }

    #[test]
    fn a_draft_by_name_with_data_exchange_has_no_payload() {
        let message = FlowMessage {
            header: None,
            body: "Hello".into(),
            footer: None,
            flow: FlowName::Name("survey_2".into()),
            action: FlowAction::DataExchange,
            mode: FlowMode::Draft,
            ..survey()
        };
        let expected = page(concat!(
            r#""body":{"text":"Hello"},"action":{"name":"flow","parameters":{"flow_message_version":"3","#,
            r#""flow_token":"REF","flow_name":"survey_2","flow_cta":"Open survey","mode":"draft","#,
            r#""flow_action":"data_exchange"}}"#
        ));
        assert_eq!(body_of(&message), expected);
    }

    #[test]
    fn a_template_with_a_flow_button_is_metas_object_on_the_same_address() {
        let template = campaign::TemplateMessage {
            name: "course_signup".into(),
            language: "en_US".into(),
            namespace: None,
            header: None,
            body: vec!["Anna".into()],
            button: Some(campaign::FlowButton { index: 0, data: None }),
            buttons: vec![],
        };
        let route = route(&account(PAGE));
        assert_eq!(route.template, route.flow);
        let to = Msisdn::from_digits(919_000_000_001).unwrap();
        let message = &Message::Template(template);
        let outgoing = Outgoing { to, message, reference: reference(), campaign: CampaignId(17), attempt: 2 };
        let body = String::from_utf8(Kaleyra.body(&route, &outgoing).unwrap()).unwrap();
        let expected = concat!(
            r#"{"messaging_object":{"messaging_product":"whatsapp","recipient_type":"individual","to":"+919000000001","#,
            r#""type":"template","template":{"name":"course_signup","language":{"code":"en_US"},"components":["#,
            r#"{"type":"body","parameters":[{"type":"text","text":"Anna"}]},"#,
            r#"{"type":"button","sub_type":"flow","index":"0","parameters":[{"type":"action","action":{"flow_token":"REF"}}]}]}},"#,
            r#""extra_info":{"ref":"REF","ref1":"campaign-17","ref2":"attempt-2","wa_source":"api"}}"#
        );
        assert_eq!(body, expected.replace("REF", &reference().to_string()));
    }

    #[test]
    fn a_test_is_marked_in_place_of_the_attempt_number() {
        assert_eq!(
            (AttemptRef(0).to_string(), AttemptRef(1).to_string()),
            ("test".into(), "attempt-1".into())
        );
    }

    proptest! {
        #[test]
        fn any_text_arrives_unchanged(text: String, key: String, value: String) {
            let action = FlowAction::Navigate {
                screen: text.clone(),
                data: json!({ key.clone(): value.clone() }).as_object().cloned(),
            };
            let message = FlowMessage { header: Some(text.clone()), body: text.clone(), action, ..survey() };
            let sent: Value = serde_json::from_str(&body_of(&message)).unwrap();
            let interactive = &sent["messaging_object"]["interactive"];
            let payload = &interactive["action"]["parameters"]["flow_action_payload"];
            prop_assert_eq!(&interactive["header"]["text"], &json!(text));
            prop_assert_eq!(&interactive["body"]["text"], &json!(text));
            prop_assert_eq!(&payload["screen"], &json!(text));
            prop_assert_eq!(&payload["data"][&key], &json!(value));
        }
    }

    #[test]
    fn the_path_holds_account_and_our_number() {
        let with_plus = account(PAGE);
        let without_plus = Account { plus_in_path: false, ..with_plus.clone() };
        for (account, path) in [
            (with_plus, "/v2/HXAP16XXXXXX97IN/whatsapp/+919000000009/messages"),
            (without_plus, "/v2/HXAP16XXXXXX97IN/whatsapp/919000000009/messages"),
        ] {
            assert_eq!(route(&account).flow.as_str(), format!("{PAGE}{path}"));
        }
    }

    #[test]
    fn the_key_is_a_header_that_debug_hides() {
        let headers = route(&account(PAGE)).headers;
        assert_eq!(headers["api-key"], "Akey-of-the-test");
        assert_eq!(headers["content-type"], "application/json");
        assert!(!format!("{headers:?}").contains("Akey"), "{headers:?}");
    }
}
