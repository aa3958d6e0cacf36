//! LipaChat: bodies and answers as on its page "Send a flow".

use campaign::{FlowAction, FlowMessage, Message, Provider, StopReason, TemplateMessage, Verdict};
use serde_json::{Value, json};
use whatsapp::{Channel, Client};

use crate::listener::{Act, Listener};
use crate::verdicts::{acceptance, assert_verdicts, line};
use crate::{account_of, message, patient, reference, send_message, shown, survey, template};

#[test]
fn a_flow_message_is_the_request_of_the_page_with_our_reference_as_id_and_in_the_data() {
    let (head, body) = shown(Provider::LipaChat, &Message::Flow(survey()));
    assert_eq!(
        head,
        "POST https://api.example/api/v1/whatsapp/interactive/flows\ncontent-type: application/json\napikey: ********"
    );
    let reference = reference(1).to_string();
    assert_eq!(
        body,
        json!({
            "messageId": reference, "to": "919000000001", "from": "919000000009", "text": "Hello Anna",
            "flowId": "1197715005513101", "flowCta": "Open", "screen": "WELCOME",
            "data": {"first_name": "Anna", "age": 7, "flowcast_ref": reference}
        })
    );
}

#[tokio::test]
async fn a_reference_in_the_data_of_the_campaign_is_replaced_by_ours() {
    let listener = Listener::new([Act::answer("404 Not Found", "", "{}")]).await;
    let account = account_of(Provider::LipaChat, &listener.url());
    let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
    let data = json!({ "flowcast_ref": "mine", "first_name": "Anna" }).as_object().cloned();
    let action = FlowAction::Navigate { screen: "WELCOME".into(), data };
    send_message(&channel, &Message::Flow(FlowMessage { action, ..message() }), 1).await;
    let request = listener.requests().remove(0);
    assert_eq!(request.matches("flowcast_ref").count(), 1, "{request}");
    assert!(!request.contains("mine"), "{request}");
}

#[test]
fn the_reference_is_left_out_of_the_data_if_the_campaign_says_so() {
    let (_, body) =
        shown(Provider::LipaChat, &Message::Flow(FlowMessage { has_reference: false, ..survey() }));
    assert_eq!(body["data"], json!({"first_name": "Anna", "age": 7}));
    assert_eq!(body["messageId"], json!(reference(1).to_string()));
    let action = FlowAction::Navigate { screen: "WELCOME".into(), data: None };
    let bare = FlowMessage { has_reference: false, action, ..survey() };
    let (_, body) = shown(Provider::LipaChat, &Message::Flow(bare));
    assert_eq!(body.get("data"), None);
}

#[test]
fn a_template_is_posted_with_its_placeholders_in_order() {
    let plain = TemplateMessage { header: None, button: None, ..template() };
    let (head, body) = shown(Provider::LipaChat, &Message::Template(plain.clone()));
    assert!(head.starts_with("POST https://api.example/api/v1/whatsapp/template\n"), "{head}");
    assert_eq!(
        body,
        json!({
            "messageId": reference(1).to_string(), "to": "919000000001", "from": "919000000009",
            "template": {"name": "course_signup", "languageCode": "en_US",
                         "components": {"body": {"placeholders": ["Anna", "Tuesday"]}}}
        })
    );
    let (_, body) = shown(Provider::LipaChat, &Message::Template(TemplateMessage { body: vec![], ..plain }));
    assert_eq!(body["template"], json!({"name": "course_signup", "languageCode": "en_US"}));
}

#[tokio::test]
async fn an_unsupported_message_is_not_sent_and_stops_only_the_campaign() {
    let listener = Listener::new([]).await;
    let account = account_of(Provider::LipaChat, &listener.url());
    let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
    let (flow, fault) = (StopReason::FlowFault, StopReason::TemplateFault);
    for (message, expected) in [
        (Message::Flow(message()), flow),
        (Message::Flow(FlowMessage { header: Some("Survey".into()), ..survey() }), flow),
        (Message::Flow(FlowMessage { footer: Some("STOP".into()), ..survey() }), flow),
        (Message::Template(TemplateMessage { header: None, ..template() }), fault),
        (Message::Template(TemplateMessage { button: None, ..template() }), fault),
    ] {
        let answer = send_message(&channel, &message, 1).await;
        assert!(
            matches!(&answer.verdict, Verdict::StopCampaign { reason, .. } if *reason == expected),
            "{}",
            line(&answer.verdict)
        );
    }
    assert_eq!(listener.connections(), 0);
}

/// An answer of the page with this status word and message, and without data.
fn without_data(status: &str, message: &str) -> Value {
    json!({"timestamp": "2024-09-15T20:06:38.675567555", "data": null, "status": status, "message": message, "errors": null})
}

#[test]
fn every_answer_of_the_page_has_its_verdict_and_the_401_with_success_is_a_refusal() {
    assert_verdicts(
        Provider::LipaChat,
        &[
            (200, acceptance(Provider::LipaChat).1, "accepted A7"),
            (400, without_data("error", "Request failed."), "rejected http_400"),
            (
                401,
                without_data("success", "Invalid credentials"),
                "stop sender bad_credentials invalid_credentials",
            ),
        ],
    );
}

#[test]
fn an_acceptance_needs_all_three_indications_of_success() {
    let with = |place: &str, value: Value| {
        let (_, mut body) = acceptance(Provider::LipaChat);
        *body.pointer_mut(place).unwrap() = value;
        body
    };
    assert_verdicts(
        Provider::LipaChat,
        &[
            (200, with("/status", json!("error")), "unknown no_message_id"),
            (200, with("/status", json!("SUCCESS")), "unknown no_message_id"),
            (200, with("/data/status", json!("PENDING")), "unknown no_message_id"),
            (200, with("/data/status", json!("FAILED")), "unknown no_message_id"),
            (200, with("/data/waId", json!(null)), "unknown no_message_id"),
            (200, with("/data", json!(null)), "unknown no_message_id"),
            (200, with("/data", json!([])), "unknown no_message_id"),
            (200, with("/message", json!("Invalid credentials")), "accepted A7"),
        ],
    );
}

#[test]
fn the_body_decides_if_the_status_contradicts_it() {
    assert_verdicts(
        Provider::LipaChat,
        &[
            (
                200,
                without_data("success", "Invalid credentials"),
                "stop sender bad_credentials invalid_credentials",
            ),
            (200, without_data("success", "Queued"), "unknown no_message_id"),
            (200, without_data("error", "Request failed."), "rejected refused"),
            (500, without_data("error", "Request failed."), "unknown http_500"),
            (200, without_data("error", "something new"), "rejected refused"),
            (
                500,
                without_data("error", "Outside of the 24-hour sandbox session window."),
                "window closed window_closed",
            ),
            (400, json!({}), "rejected http_400"),
            (401, json!("Unauthorized"), "stop sender bad_credentials http_401"),
            (500, without_data("error", "oops"), "unknown http_500"),
        ],
    );
}
