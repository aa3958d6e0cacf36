//! Every answer of Kaleyra's documentation page, word for word: provoked by a fault, and by an invalid request.

use serde_json::{Value, json};
use simulator::{Config, Effect, Fault, Scope};

use crate::client::{Client, Headers, JSON, KEY, PATH, message, msisdn, start};

/// Name, status, code, message, data and error.
type Refusal = (&'static str, u16, &'static str, &'static str, Value, Value);

/// Each refusal as printed on the page.
fn page() -> Vec<Refusal> {
    let credentials = "Incorrect SID or API key.";
    let number = "Phone number is not present or does not belong to the account.";
    let balance = "Please check your balance, You have a low balance!";
    let account = "API is not available for given customer.Please contact support for more info";
    let version = "The phone number you're using is associated with different Version of our WA API. Please use the appropriate endpoint.";
    vec![
        ("bad_credentials", 401, "RBC001", credentials, json!([]), json!({"error": credentials})),
        ("unknown_number", 401, "WA401", number, json!({}), json!({"phone_number": number})),
        (
            "bad_payload",
            400,
            "WA400",
            "Refer to correct payload format",
            json!({}),
            json!({"payload": "Incorrect payload format"}),
        ),
        (
            "internal_error",
            500,
            "WA500",
            "Please try again later",
            json!({}),
            json!({"error": "Internal server error"}),
        ),
        ("low_balance", 400, "E110", balance, json!({}), json!({"balance": balance})),
        ("account_type", 401, "WA-401", account, json!({}), json!({"account": account})),
        ("number_version", 401, "WA-401", version, json!({}), json!({"phone_number": version})),
    ]
}

fn refuse(outcome: &str, scope: Scope) -> Fault {
    Fault { effect: Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false }, scope }
}

#[tokio::test]
async fn every_refusal_of_the_page_can_be_provoked_with_the_page_s_own_words() {
    let running = start(Config { balance: Some(100), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    for (name, status, code, text, data, error) in page() {
        running.controls().inject(refuse(name, Scope::next(2))).unwrap();
        for _ in 0..2 {
            let answer = client.post(&message("+254700000001")).await;
            let expected = json!({"code": code, "message": text, "data": data, "error": error});
            assert_eq!((answer.status, answer.json()), (status, expected), "{name}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        assert_eq!(client.post(&message("+254700000001")).await.code(), "WA202", "{name} must be over");
    }
    let summary = running.ledger().summary();
    assert_eq!((summary.accepted, summary.balance), (7, Some(93)));
    assert_eq!(summary.refused.get("WA-401"), Some(&4));
}

#[tokio::test]
async fn an_accepted_message_is_answered_as_on_the_page_with_an_id_of_its_own() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..3 {
        let answer = client.post(&message("+254700000001")).await;
        let id = answer.json()["data"]["message_id"].as_str().unwrap().to_owned();
        let expected =
            json!({"code": "WA202", "message": "Request Accepted", "data": {"message_id": id}, "error": {}});
        assert_eq!((answer.status, answer.json()), (202, expected));
        assert!(id.starts_with('A') && ids.insert(id));
    }
}

#[tokio::test]
async fn a_refusal_can_be_provoked_for_one_recipient_and_at_a_rate() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    running.controls().inject(refuse("E110", Scope::recipients([msisdn("254700000002")]))).unwrap();
    for (to, code) in [("+254700000001", "WA202"), ("+254700000002", "E110"), ("254700000002", "E110")] {
        assert_eq!(client.post(&message(to)).await.code(), code, "{to}");
    }
    running.controls().clear_faults();
    running.controls().inject(refuse("WA500", Scope::probability(0.5))).unwrap();
    let mut refused = 0;
    for _ in 0..200 {
        refused += u32::from(client.post(&message("+254700000001")).await.status == 500);
    }
    assert!((70..=130).contains(&refused), "{refused} of 200");
}

#[tokio::test]
async fn a_wrong_sid_key_or_sender_is_refused_before_the_payload_is_looked_at() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let plus = "/v2/HXSIMULATOR00IN/whatsapp/+919900000000/messages";
    let encoded = "/v2/HXSIMULATOR00IN/whatsapp/%2B919900000000/messages";
    let body = message("+254700000001").to_string();
    let table: [(&str, Headers<'_>, &str, u16, &str); 9] = [
        (PATH, &[JSON, KEY], &body, 202, "WA202"),
        (plus, &[JSON, KEY], &body, 202, "WA202"),
        (encoded, &[JSON, KEY], &body, 202, "WA202"),
        ("/v2/HXOTHER/whatsapp/919900000000/messages", &[JSON, KEY], "junk", 401, "RBC001"),
        (PATH, &[JSON, ("api-key", "wrong")], "junk", 401, "RBC001"),
        (PATH, &[JSON], "junk", 401, "RBC001"),
        ("/v2/HXSIMULATOR00IN/whatsapp/254700000001/messages", &[JSON, KEY], "junk", 401, "WA401"),
        ("/v2/HXSIMULATOR00IN/whatsapp/us/messages", &[JSON, KEY], "junk", 401, "WA401"),
        (PATH, &[JSON, KEY], "junk", 400, "WA400"),
    ];
    for (path, headers, body, status, code) in table {
        let answer = client.send("POST", path, headers, body.as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn a_wrong_path_is_404_and_a_wrong_method_405() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let table = [
        ("POST", "/", 404),
        ("POST", "/v1/HXSIMULATOR00IN/whatsapp/919900000000/messages", 404),
        ("POST", "/v2/HXSIMULATOR00IN/whatsapp/919900000000/messages/", 404),
        ("POST", "/v2/HXSIMULATOR00IN/sms/919900000000/messages", 404),
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
    ];
    for (method, path, status) in table {
        let answer = client.send(method, path, &[JSON, KEY], b"{}").await.unwrap();
        assert_eq!((answer.status, answer.code()), (status, status.to_string()), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
}

#[tokio::test]
async fn a_throttle_answer_can_name_the_time_to_wait() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    for (outcome, status) in [("429", 429), ("overloaded", 503)] {
        let effect = Effect::Refuse { outcome: outcome.into(), retry_after_s: Some(7), accepted: false };
        running.controls().inject(Fault { effect, scope: Scope::next(1) }).unwrap();
        let answer = client.post(&message("+254700000001")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("7")));
        let body = answer.json();
        assert_eq!(
            body.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["code", "message", "data", "error"]
        );
    }
}

#[tokio::test]
async fn a_fault_can_refuse_a_message_that_was_accepted() {
    let running = start(Config { balance: Some(5), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    let effect = Effect::Refuse { outcome: "WA500".into(), retry_after_s: None, accepted: true };
    running.controls().inject(Fault { effect, scope: Scope::next(1) }).unwrap();
    let answer = client.post(&message("+254700000001")).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "WA500"));
    let summary = running.ledger().summary();
    assert_eq!((summary.accepted, summary.balance), (1, Some(4)));
    let entry = running.ledger().entries(0, 1).remove(0);
    assert_eq!((entry.accepted, entry.status, entry.code), (true, Some(500), "WA202"));
}
