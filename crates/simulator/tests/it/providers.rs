//! The providers other than Kaleyra: accepted requests, refusals and their bodies, and provoking every refusal.

use serde_json::{Value, json};
use simulator::{Config, Effect, Fault, Provider, Running, Scope};

use crate::client::{Answer, Client, JSON, msisdn, start, with};

const TO: &str = "254700000001";
const TOKEN: &str = "018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e";

/// A provider and how a client uses it.
struct Stand {
    running: Running,
    client: Client,
    provider: Provider,
    key: (&'static str, &'static str),
    flow: &'static str,
    template: &'static str,
}

impl Stand {
    async fn new(provider: Provider, config: Config) -> Self {
        let (account, key, flow, template) = match provider {
            Provider::Kaleyra => unreachable!("has tests of its own"),
            Provider::LipaChat => (
                "",
                ("apiKey", "simulator-key"),
                "/api/v1/whatsapp/interactive/flows",
                "/api/v1/whatsapp/template",
            ),
            Provider::OneMsg => (
                "ODI371267300",
                ("x-no-key", ""),
                "/ODI371267300/sendFlow?token=simulator-key",
                "/ODI371267300/sendTemplate?token=simulator-key",
            ),
            Provider::Meta => (
                "106540352242922",
                ("authorization", "Bearer simulator-key"),
                "/v23.0/106540352242922/messages",
                "/v23.0/106540352242922/messages",
            ),
        };
        let running = start(Config { provider, account: account.into(), ..config }).await;
        let client = Client::connect(running.addr()).await;
        Self { running, client, provider, key, flow, template }
    }

    async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.client.send("POST", path, &[JSON, self.key], body.to_string().as_bytes()).await.unwrap()
    }

    async fn post_flow(&mut self, body: &Value) -> Answer {
        self.post(self.flow, body).await
    }

    /// The reason of the last refusal.
    fn wrong(&self) -> String {
        let last = self.running.ledger().summary().requests - 1;
        self.running.ledger().entries(last, 1).remove(0).wrong.unwrap_or_default()
    }

    fn flow_body(&self) -> Value {
        flow(self.provider)
    }
}

const OTHERS: [Provider; 3] = [Provider::LipaChat, Provider::OneMsg, Provider::Meta];

fn flow(provider: Provider) -> Value {
    match provider {
        Provider::Kaleyra => unreachable!("has tests of its own"),
        Provider::LipaChat => json!({
            "messageId": TOKEN, "to": TO, "from": "919900000000", "text": "Two questions.", "flowId": "1197715005513101",
            "flowCta": "Open survey", "screen": "WELCOME", "data": {"first_name": "Anna"}
        }),
        Provider::OneMsg => json!({
            "phone": TO, "header": "Survey", "body": "Two questions.", "footer": "STOP to opt out",
            "flowId": "1197715005513101", "flowToken": TOKEN, "flowCta": "Open survey", "flowAction": "navigate",
            "flowActionPayload": {"screen": "WELCOME", "data": {"first_name": "Anna"}},
            "flowMessageVersion": "3", "mode": "published"
        }),
        Provider::Meta => json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": TO, "type": "interactive",
            "biz_opaque_callback_data": TOKEN,
            "interactive": {
                "type": "flow", "body": {"text": "Two questions."},
                "action": {"name": "flow", "parameters": {
                    "flow_message_version": "3", "flow_token": TOKEN, "flow_id": "1197715005513101",
                    "flow_cta": "Open survey", "flow_action": "navigate",
                    "flow_action_payload": {"screen": "WELCOME", "data": {"first_name": "Anna"}}
                }}
            }
        }),
    }
}

fn template(provider: Provider) -> Value {
    let components = json!([
        {"type": "body", "parameters": [{"type": "text", "text": "Anna"}]},
        {"type": "button", "sub_type": "flow", "index": "0", "parameters": [
            {"type": "action", "action": {"flow_token": TOKEN, "flow_action_data": {"fname": "Anna"}}}
        ]}
    ]);
    match provider {
        Provider::Kaleyra => unreachable!("has tests of its own"),
        Provider::LipaChat => json!({
            "messageId": TOKEN, "to": TO, "from": "919900000000",
            "template": {"name": "t", "languageCode": "en", "components": {"body": {"placeholders": ["Anna"]}}}
        }),
        Provider::OneMsg => json!({
            "template": "t", "language": {"policy": "deterministic", "code": "en"}, "phone": TO, "params": components
        }),
        Provider::Meta => json!({
            "messaging_product": "whatsapp", "to": TO, "type": "template",
            "template": {"name": "t", "language": {"code": "en"}, "components": components}
        }),
    }
}

#[tokio::test]
async fn a_flow_and_a_template_are_accepted_in_the_providers_own_words() {
    for provider in OTHERS {
        let mut stand = Stand::new(provider, Config::default()).await;
        let (flow, template) = (stand.flow, stand.template);
        for (path, body) in [(flow, self::flow(provider)), (template, self::template(provider))] {
            let answer = stand.post(path, &body).await;
            assert_eq!(answer.status, 200, "{provider}: {}", stand.wrong());
            let entry = stand.running.ledger().entries(0, 9).pop().unwrap();
            let id = entry.message_id.clone().unwrap();
            let said = answer.json();
            match provider {
                Provider::Kaleyra => unreachable!("has tests of its own"),
                Provider::LipaChat => {
                    assert_eq!(
                        (&said["status"], &said["data"]["status"]),
                        (&json!("success"), &json!("SENT"))
                    );
                    assert_eq!(
                        (&said["data"]["waId"], &said["data"]["messageId"]),
                        (&json!(id), &json!(TOKEN))
                    );
                    assert_eq!(entry.reference.as_deref(), Some(TOKEN));
                }
                Provider::OneMsg => {
                    assert_eq!((&said["sent"], &said["id"]), (&json!(true), &json!(id)));
                    assert_eq!(
                        (entry.flow_token.as_deref(), entry.reference.as_deref()),
                        (Some(TOKEN), None)
                    );
                }
                Provider::Meta => {
                    assert_eq!(
                        (&said["messages"][0]["id"], &said["contacts"][0]["wa_id"]),
                        (&json!(id), &json!(TO))
                    );
                    assert_eq!(entry.flow_token.as_deref(), Some(TOKEN));
                }
            }
            assert_eq!((entry.recipient, entry.unknown_fields.len()), (Some(msisdn(TO)), 0));
        }
    }
}

#[tokio::test]
async fn required_members_must_be_present_and_have_the_documented_type() {
    let parameters = "/interactive/action/parameters";
    for (provider, members) in [
        (
            Provider::LipaChat,
            ["/messageId", "/to", "/from", "/text", "/flowId", "/flowCta", "/screen"]
                .map(str::to_owned)
                .to_vec(),
        ),
        (
            Provider::OneMsg,
            [
                "/phone",
                "/body",
                "/flowId",
                "/flowToken",
                "/flowCta",
                "/flowActionPayload",
                "/flowActionPayload/screen",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        (
            Provider::Meta,
            vec![
                "/messaging_product".into(),
                "/to".into(),
                "/type".into(),
                "/interactive".into(),
                format!("{parameters}/flow_cta"),
                format!("{parameters}/flow_id"),
                format!("{parameters}/flow_message_version"),
                format!("{parameters}/flow_action_payload/screen"),
            ],
        ),
    ] {
        let mut stand = Stand::new(provider, Config::default()).await;
        for member in members {
            for value in [None, Some(json!([])), Some(json!("")), Some(json!(null)), Some(json!(true))] {
                let body = with(stand.flow_body(), &member, value.clone());
                stand.post_flow(&body).await;
                let name = member.rsplit('/').next().unwrap();
                let wrong = stand.wrong();
                assert!(
                    wrong.contains(name),
                    "{provider}: {member} {value:?} was refused because of {wrong:?}"
                );
            }
        }
        assert_eq!(stand.running.ledger().summary().accepted, 0);
    }
}

#[tokio::test]
async fn invalid_requests_are_refused_as_documented() {
    for (provider, member, value, status, outcome) in [
        (Provider::LipaChat, "/text", json!("x".repeat(1025)), 400, "request_failed"),
        (Provider::LipaChat, "/flowCta", json!("x".repeat(31)), 400, "request_failed"),
        (Provider::LipaChat, "/from", json!("919900000001"), 400, "request_failed"),
        (Provider::LipaChat, "/data", json!("text"), 400, "request_failed"),
        (Provider::OneMsg, "/body", json!(""), 200, "empty_body"),
        (Provider::OneMsg, "/phone", json!("+254700000001"), 400, "bad_payload"),
        (Provider::OneMsg, "/chatId", json!("254700000001@c.us"), 400, "bad_payload"),
        (Provider::OneMsg, "/flowAction", json!("open"), 400, "bad_payload"),
        (Provider::OneMsg, "/flowActionPayload/data", json!({}), 400, "bad_payload"),
        (Provider::OneMsg, "/mode", json!("live"), 400, "bad_payload"),
        (Provider::Meta, "/to", json!("0700"), 400, "parameter_wrong"),
        (Provider::Meta, "/biz_opaque_callback_data", json!("x".repeat(513)), 400, "parameter_wrong"),
        (Provider::Meta, "/interactive/action/parameters/flow_name", json!("both"), 400, "parameter_wrong"),
        (
            Provider::Meta,
            "/interactive/action/parameters/flow_action_payload/data",
            json!({}),
            400,
            "parameter_wrong",
        ),
        (Provider::Meta, "/interactive/action/parameters", json!({}), 400, "parameter_missing"),
    ] {
        let mut stand = Stand::new(provider, Config::default()).await;
        let answer = stand.post_flow(&with(stand.flow_body(), member, Some(value))).await;
        let entry = stand.running.ledger().entries(0, 1).remove(0);
        assert_eq!(
            (answer.status, entry.outcome),
            (status, outcome),
            "{provider} {member}: {:?}",
            entry.wrong
        );
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_as_on_the_page() {
    for (provider, path, key) in [
        (Provider::LipaChat, "/api/v1/whatsapp/interactive/flows", ("apiKey", "wrong")),
        (Provider::OneMsg, "/ODI371267300/sendFlow?token=wrong", ("x", "y")),
        (Provider::OneMsg, "/ODI371267300/sendFlow?token=simulator-key%00", ("x", "y")),
        (Provider::OneMsg, "/ODI371267300/sendFlow", ("authorization", "Bearer simulator-key")),
        (Provider::OneMsg, "/ODI0/sendFlow?token=simulator-key", ("x", "y")),
        (Provider::Meta, "/v23.0/106540352242922/messages", ("authorization", "Bearer wrong")),
        (Provider::Meta, "/v23.0/106540352242922/messages", ("authorization", "simulator-key")),
    ] {
        let mut stand = Stand { key, ..Stand::new(provider, Config::default()).await };
        let answer = stand.post(path, &json!("junk")).await;
        assert_eq!(answer.status, 401, "{provider} {path}");
        let said = answer.json();
        match provider {
            Provider::Kaleyra => unreachable!("has tests of its own"),
            Provider::LipaChat => {
                assert_eq!(
                    (&said["status"], &said["message"]),
                    (&json!("success"), &json!("Invalid credentials"))
                );
            }
            Provider::OneMsg => assert!(said["error"].as_str().unwrap().starts_with("Wrong token"), "{said}"),
            Provider::Meta => assert_eq!(said["error"]["code"], 190),
        }
    }
    let mut stand = Stand::new(Provider::Meta, Config::default()).await;
    let answer = stand.post("/v23.0/1/messages", &flow(Provider::Meta)).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(33)));
}

#[tokio::test]
async fn every_refusal_can_be_provoked_for_one_recipient_by_its_name() {
    for provider in OTHERS {
        let mut stand = Stand::new(provider, Config::default()).await;
        let refuse = |outcome: &str| Fault {
            effect: Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false },
            scope: Scope { next: Some(1), ..Scope::recipients([msisdn(TO)]) },
        };
        let error = stand.running.controls().inject(refuse("no such thing")).unwrap_err().to_string();
        let names: Vec<&str> = error.split("use one of ").nth(1).unwrap().split(", ").collect();
        assert!(names.len() >= 9, "{names:?}");
        for name in names {
            stand.running.controls().inject(refuse(name)).unwrap();
            let answer = stand.post_flow(&stand.flow_body()).await;
            let entry = stand.running.ledger().entries(0, 999).pop().unwrap();
            assert_eq!((entry.outcome, entry.accepted, entry.status), (name, false, Some(answer.status)));
            assert!(!answer.body.is_empty(), "{provider} {name}");
        }
        assert_eq!(stand.post_flow(&stand.flow_body()).await.status, 200);
    }
}

#[tokio::test]
async fn a_used_up_balance_and_the_rate_limit_are_answered_in_the_providers_words() {
    for (provider, balance, limited) in [
        (Provider::LipaChat, "Request failed.", "Too many requests"),
        (Provider::OneMsg, "subscription", "Too many requests"),
        (Provider::Meta, "131042", "130429"),
    ] {
        let mut stand = Stand::new(provider, Config { balance: Some(0), ..Config::default() }).await;
        let answer = stand.post_flow(&stand.flow_body()).await;
        assert!(String::from_utf8_lossy(&answer.body).contains(balance), "{provider}");
        stand.running.controls().set_rate_limit("1/1h".parse().ok());
        stand.post_flow(&stand.flow_body()).await;
        let answer = stand.post_flow(&stand.flow_body()).await;
        assert_eq!(answer.status, 429);
        assert!(String::from_utf8_lossy(&answer.body).contains(limited), "{provider}");
    }
}

#[tokio::test]
async fn unknown_members_of_every_provider_are_accepted_and_reported() {
    for provider in OTHERS {
        let mut stand = Stand::new(provider, Config::default()).await;
        let body = with(stand.flow_body(), "/token", Some(json!("x")));
        assert_eq!(stand.post_flow(&body).await.status, 200);
        assert_eq!(stand.running.ledger().entries(0, 1)[0].unknown_fields, ["token"], "{provider}");
    }
}
