//! 1msg: bodies as in its documentation and its clients, and the observed answers.

use campaign::{FlowAction, FlowMessage, FlowName, Message, Provider, StopReason, TemplateMessage, Verdict};
use serde_json::json;
use whatsapp::{Channel, Client};

use crate::listener::Listener;
use crate::verdicts::{assert_verdicts, line};
use crate::{account_of, message, patient, reference, send_message, shown, survey, template};

#[test]
fn a_flow_message_is_posted_to_send_flow_with_the_token_in_the_address_alone() {
    let message =
        FlowMessage { header: Some("Survey".into()), footer: Some("STOP to opt out".into()), ..survey() };
    let (head, body) = shown(Provider::OneMsg, &Message::Flow(message));
    assert_eq!(
        head,
        "POST https://api.example/ODI371267300/sendFlow?token=********\ncontent-type: application/json"
    );
    assert_eq!(
        body,
        json!({
            "phone": "919000000001", "header": "Survey", "body": "Hello Anna", "footer": "STOP to opt out",
            "flowId": "1197715005513101", "flowToken": reference(1).to_string(), "flowCta": "Open",
            "flowAction": "navigate",
            "flowActionPayload": {"screen": "WELCOME", "data": {"first_name": "Anna", "age": 7}},
            "flowMessageVersion": "3", "mode": "published"
        })
    );
    let (_, body) = shown(Provider::OneMsg, &Message::Flow(crate::message()));
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["phone", "body", "flowId", "flowToken", "flowCta", "flowAction", "flowMessageVersion", "mode"]
    );
}

#[test]
fn a_template_is_posted_to_send_template_with_the_button_of_the_page() {
    let (head, body) = shown(Provider::OneMsg, &Message::Template(template()));
    assert!(
        head.starts_with("POST https://api.example/ODI371267300/sendTemplate?token=********\n"),
        "{head}"
    );
    assert_eq!(
        body,
        json!({
            "template": "course_signup",
            "namespace": "ca300906_0000_0000_0000_000000000000",
            "language": {"policy": "deterministic", "code": "en_US"},
            "phone": "919000000001",
            "params": [
                {"type": "header", "parameters": [{"type": "text", "text": "Nakuru"}]},
                {"type": "body", "parameters": [{"type": "text", "text": "Anna"}, {"type": "text", "text": "Tuesday"}]},
                {"type": "button", "sub_type": "flow", "index": "0", "parameters": [{"type": "action", "action": {
                    "flow_token": reference(1).to_string(), "flow_action_data": {"first_name": "Anna"}
                }}]}
            ]
        })
    );
    let bare = TemplateMessage { namespace: None, header: None, body: vec![], button: None, ..template() };
    let (_, body) = shown(Provider::OneMsg, &Message::Template(bare));
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["template", "language", "phone"]);
}

#[tokio::test]
async fn a_flow_by_name_is_not_sent_and_stops_only_the_campaign() {
    let listener = Listener::new([]).await;
    let account = account_of(Provider::OneMsg, &listener.url());
    let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
    let flow = FlowName::Name("survey".into());
    let by_name = FlowMessage { flow, action: FlowAction::DataExchange, ..message() };
    let answer = send_message(&channel, &Message::Flow(by_name), 1).await;
    assert!(
        matches!(&answer.verdict, Verdict::StopCampaign { reason: StopReason::FlowFault, .. }),
        "{}",
        line(&answer.verdict)
    );
    assert_eq!((answer.http_status, listener.connections()), (None, 0));
}

#[test]
fn every_observed_answer_has_its_verdict() {
    let meta = |code: i64| json!({"error": {"message": "from Meta", "code": code, "error_user_msg": "x"}});
    let not_sent = |words: &str| json!({"sent": false, "message": words});
    assert_verdicts(
        Provider::OneMsg,
        &[
            (200, json!({"sent": "true", "id": "A7"}), "accepted A7"),
            (200, json!({"sent": true, "id": "A7", "message": "Sent to username@c.us"}), "accepted A7"),
            (200, json!({"id": "A7"}), "unknown no_message_id"),
            (200, json!({"sent": true}), "unknown no_message_id"),
            (200, json!({"sent": true, "jobId": "J1"}), "unknown no_message_id"),
            (200, json!({"sent": false, "jobId": "J1", "message": "queued"}), "unknown queued"),
            (200, json!({"sent": true, "id": "A7", "error": "x"}), "unknown contradictory_answer"),
            (200, not_sent("empty body"), "rejected refused"),
            (200, json!({"sent": "false", "message": "empty body"}), "rejected refused"),
            (200, not_sent("Dialog window is closed"), "window closed window_closed"),
            (400, json!({"error": "Re-engagement message"}), "window closed window_closed"),
            (400, json!({"error": "(#131047) x"}), "window closed 131047"),
            (400, json!({"error": "131047"}), "window closed window_closed"),
            (
                200,
                json!({"response": {"error": "outside the allowed window"}}),
                "window closed window_closed",
            ),
            (200, json!({"response": {"error": "something else"}}), "rejected refused"),
            (200, not_sent("Too many requests"), "throttled too_many_requests"),
            (400, json!({"message": "Rate limit hit"}), "throttled too_many_requests"),
            (200, not_sent("Template is not defined"), "stop campaign template_fault template_unknown"),
            (
                404,
                json!({"error": "Template course_signup not found"}),
                "stop campaign template_fault template_unknown",
            ),
            (
                404,
                json!({"error": "the template x does not exist"}),
                "stop campaign template_fault template_unknown",
            ),
            (404, json!({"error": "not found"}), "rejected http_404"),
            (403, json!("Your subscription is blocked"), "stop sender payment http_403"),
            (403, json!("trial is over"), "stop sender payment http_403"),
            (
                401,
                json!({"error": "Wrong token \"Akey-of-the-test\" for channel \"371267300\". Please provide token as a GET parameter."}),
                "stop sender bad_credentials wrong_token",
            ),
            (401, json!({}), "stop sender bad_credentials http_401"),
            (200, not_sent("Unauthorized"), "stop sender bad_credentials wrong_token"),
            (200, not_sent("BSUID routing is disabled"), "rejected bsuid_routing_disabled"),
            (400, json!({"error": "bad"}), "rejected http_400"),
            (429, json!({}), "throttled http_429"),
            (500, json!({"error": "oops"}), "unknown http_500"),
            (400, meta(131_042), "stop sender payment 131042"),
            (500, meta(131_026), "rejected 131026"),
            (200, meta(130_429), "throttled 130429"),
            (400, meta(1), "unknown 1"),
        ],
    );
}

#[test]
fn a_code_of_meta_decides_and_not_the_words_of_its_title() {
    let answers = [
        (131_048, "Spam rate limit hit", "stop sender policy_hold 131048"),
        (131_056, "(Business Account, Consumer Account) pair rate limit hit", "retry 131056"),
        (613, "Calls to this API have exceeded the rate limit", "throttled 613"),
        (80_007, "Rate limit issues", "throttled 80007"),
        (130_429, "Rate limit hit", "throttled 130429"),
        (133_016, "Account register deregister rate limit exceeded", "stop sender sender_not_allowed 133016"),
        (132_001, "Template name does not exist in the translation", "stop campaign template_fault 132001"),
        (190, "Unauthorized: invalid token", "stop sender bad_credentials 190"),
        (131_062, "Username recipient not allowed", "rejected 131062"),
        (999_999, "New rate limit hit", "throttled too_many_requests"),
    ];
    for (code, title, expected) in answers {
        let text = format!("(#{code}) {title}");
        let passed_on = json!({"error": {"message": text, "code": code, "error_user_title": title}});
        let wrapped = json!({"error": {"message": text, "code": 400}});
        let table = [passed_on, wrapped, json!({"error": text}), json!({"sent": false, "message": text})]
            .map(|body| (400, body, expected));
        assert_verdicts(Provider::OneMsg, &table);
        assert_verdicts(Provider::OneMsg, &[(200, json!({"sent": false, "message": text}), expected)]);
    }
    let unknown = json!({"sent": false, "message": "(#999999) Something new"});
    assert_verdicts(Provider::OneMsg, &[(200, unknown, "rejected 999999")]);
}
