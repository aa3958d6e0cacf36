//! Meta: bodies as in its `OpenAPI` document (version 23.0), and the answers of its page of error codes.

use campaign::{
    FlowAction, FlowButton, FlowMessage, FlowMode, FlowName, Message, Provider, TemplateMessage, Verdict,
};
use serde_json::{Value, json};

use crate::verdicts::{assert_verdicts, judge};
use crate::{message, reference, shown, survey, template};

fn body(message: &Message) -> Value {
    shown(Provider::Meta, message).1
}

#[test]
fn address_and_headers_are_those_of_the_document() {
    let (head, _) = shown(Provider::Meta, &Message::Flow(survey()));
    assert_eq!(
        head,
        "POST https://api.example/v23.0/106540352242922/messages\ncontent-type: application/json\n\
         authorization: ********"
    );
}

#[test]
fn a_flow_message_has_the_members_and_types_of_the_document() {
    let message =
        FlowMessage { header: Some("Survey".into()), footer: Some("STOP to opt out".into()), ..survey() };
    let token = reference(1).to_string();
    assert_eq!(
        body(&Message::Flow(message)),
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "919000000001",
            "type": "interactive",
            "biz_opaque_callback_data": token,
            "interactive": {
                "type": "flow",
                "header": {"type": "text", "text": "Survey"},
                "body": {"text": "Hello Anna"},
                "footer": {"text": "STOP to opt out"},
                "action": {"name": "flow", "parameters": {
                    "flow_message_version": "3",
                    "flow_token": token,
                    "flow_id": "1197715005513101",
                    "flow_cta": "Open",
                    "mode": "published",
                    "flow_action": "navigate",
                    "flow_action_payload": {"screen": "WELCOME", "data": {"first_name": "Anna", "age": 7}}
                }}
            }
        })
    );
}

#[test]
fn exactly_one_of_flow_id_and_flow_name_is_present_and_data_exchange_has_no_payload() {
    let message = FlowMessage {
        flow: FlowName::Name("survey_2".into()),
        action: FlowAction::DataExchange,
        mode: FlowMode::Draft,
        ..message()
    };
    let body = body(&Message::Flow(message));
    let parameters = body["interactive"]["action"]["parameters"].as_object().unwrap();
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["flow_message_version", "flow_token", "flow_name", "flow_cta", "mode", "flow_action"]);
    assert_eq!((&parameters["mode"], &parameters["flow_action"]), (&json!("draft"), &json!("data_exchange")));
    let interactive = body["interactive"].as_object().unwrap();
    assert_eq!(interactive.keys().collect::<Vec<_>>(), ["type", "body", "action"]);
}

#[test]
fn data_of_the_first_screen_is_not_empty_or_absent() {
    let action = FlowAction::Navigate { screen: "WELCOME".into(), data: None };
    let body = body(&Message::Flow(FlowMessage { action, ..message() }));
    let parameters = &body["interactive"]["action"]["parameters"];
    assert_eq!(parameters["flow_action_payload"], json!({"screen": "WELCOME"}));
}

#[test]
fn a_template_has_the_members_and_types_of_the_documents_flow_example() {
    let token = reference(1).to_string();
    assert_eq!(
        body(&Message::Template(template())),
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "919000000001",
            "type": "template",
            "biz_opaque_callback_data": token,
            "template": {
                "name": "course_signup",
                "language": {"code": "en_US"},
                "components": [
                    {"type": "header", "parameters": [{"type": "text", "text": "Nakuru"}]},
                    {"type": "body", "parameters": [
                        {"type": "text", "text": "Anna"}, {"type": "text", "text": "Tuesday"}
                    ]},
                    {"type": "button", "sub_type": "flow", "index": "0", "parameters": [
                        {"type": "action", "action": {
                            "flow_token": token, "flow_action_data": {"first_name": "Anna"}
                        }}
                    ]}
                ]
            }
        })
    );
}

#[test]
fn components_without_variables_are_left_out() {
    let bare = TemplateMessage { header: None, body: vec![], button: None, ..template() };
    let found = body(&Message::Template(bare.clone()));
    assert_eq!(found["template"], json!({"name": "course_signup", "language": {"code": "en_US"}}));
    let button = Some(FlowButton { index: 2, data: None });
    let found = body(&Message::Template(TemplateMessage { button, ..bare }));
    assert_eq!(
        found["template"]["components"],
        json!([{"type": "button", "sub_type": "flow", "index": "2", "parameters": [
            {"type": "action", "action": {"flow_token": reference(1).to_string()}}
        ]}])
    );
}

fn error(code: i64) -> Value {
    json!({"error": {
        "message": format!("(#{code}) Something"), "type": "OAuthException", "code": code, "error_subcode": 2_494_055,
        "is_transient": false, "error_data": "a text or an object", "fbtrace_id": "Az8or2yhqkZfEZ"
    }})
}

#[test]
fn every_documented_code_has_its_verdict_whatever_the_http_status() {
    let table: [(&[i64], &str); 15] = [
        (&[4, 17, 613, 80_007, 130_429], "throttled"),
        (&[131_056, 131_057, 2, 131_016, 133_004], "retry"),
        (&[1, 131_000], "unknown"),
        (&[0, 190], "stop sender bad_credentials"),
        (&[3, 10, 200, 230, 299, 131_005, 33], "stop sender sender_not_allowed"),
        (
            &[
                131_037, 131_045, 131_063, 133_000, 133_005, 133_006, 133_008, 133_009, 133_010, 133_015,
                133_016,
            ],
            "stop sender sender_not_allowed",
        ),
        (&[131_042, 131_044], "stop sender payment"),
        (&[368, 131_031, 131_048, 131_064], "stop sender policy_hold"),
        (&[131_047], "window closed"),
        (&[130_497, 131_026, 131_049, 131_050, 130_472], "rejected"),
        (&[131_021, 131_030, 131_062, 137_000], "rejected"),
        (&[100, 131_008, 131_009, 131_051, 135_000, 132_005, 132_012, 131_052, 131_053], "rejected"),
        (&[132_000, 132_001, 132_007, 132_008], "stop campaign template_fault"),
        (&[132_015, 132_016], "stop campaign template_fault"),
        (&[132_068, 132_069], "stop campaign flow_fault"),
    ];
    for (codes, expected) in table {
        for code in codes {
            let expected = format!("{expected} {code}");
            for status in [200, 400, 403, 429, 500] {
                assert_verdicts(Provider::Meta, &[(status, error(*code), &expected)]);
            }
        }
    }
}

#[test]
fn the_pauses_of_the_pair_limit_and_of_maintenance_are_metas() {
    for (code, seconds) in [(131_056, [1, 4, 16, 64].as_slice()), (131_057, &[60, 60, 300])] {
        let Verdict::Retry { schedule, .. } = judge(Provider::Meta, 429, error(code).to_string()) else {
            panic!("{code} is tried again")
        };
        assert_eq!(schedule.iter().map(std::time::Duration::as_secs).collect::<Vec<_>>(), seconds);
    }
}

#[test]
fn answers_outside_of_the_table_have_their_verdict() {
    let held = |status: &str| json!({"messages": [{"id": "A7", "message_status": status}]});
    let mut both = error(131_047);
    both["messages"] = json!([{"id": "A7"}]);
    assert_verdicts(
        Provider::Meta,
        &[
            (200, held("held_for_quality_assessment"), "accepted A7"),
            (200, held("paused"), "accepted A7"),
            (201, json!({"messages": [{"id": "A7"}]}), "accepted A7"),
            (200, both, "unknown contradictory_answer"),
            (200, error(999_999), "unknown no_message_id"),
            (200, json!({"messages": []}), "unknown no_message_id"),
            (200, json!({"messages": {"id": "A7"}}), "unknown no_message_id"),
            (400, error(999_999), "rejected 999999"),
            (500, error(999_999), "unknown 999999"),
            (401, json!("<html>"), "stop sender bad_credentials http_401"),
            (400, json!({"error": "text"}), "rejected http_400"),
            (400, json!({"error": {"code": "190"}}), "stop sender bad_credentials 190"),
            (400, json!({"error": {"code": -200}}), "rejected -200"),
        ],
    );
}
