//! The adapters against the providers' documentation and over real sockets. Needs no services; the tests start their own
//! listeners.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail like tests")]

mod answers;
mod certificates;
mod conformance;
mod documented;
mod environment;
mod faults;
mod http2;
mod lipachat;
mod listener;
mod meta;
mod notices;
mod one_msg;
mod people;
mod requests;
mod simulated;
mod templates;
mod tls;
mod verdicts;
mod webhooks;

use std::time::Duration;

use campaign::{
    CampaignId, FlowAction, FlowButton, FlowMessage, FlowMode, FlowName, Message, Msisdn, Provider,
    Reference, ReferenceKey, Seq, TemplateHeader, TemplateMessage,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use whatsapp::{Account, Answer, Channel, Client, Config, Outgoing};

/// Time limits that a test can wait for, and that a busy machine does not exceed.
fn config() -> Config {
    Config {
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_secs(1),
        ..Config::default()
    }
}

/// Limits that no test reaches.
fn patient() -> Config {
    Config { connect_timeout: Duration::from_secs(30), timeout: Duration::from_mins(1), ..Config::default() }
}

fn account(base_url: &str) -> Account {
    account_of(Provider::Kaleyra, base_url)
}

fn account_of(provider: Provider, base_url: &str) -> Account {
    let id = match provider {
        Provider::Kaleyra => Some("HXAP16XXXXXX97IN"),
        Provider::LipaChat => None,
        Provider::OneMsg => Some("ODI371267300"),
        Provider::Meta => Some("106540352242922"),
    };
    Account {
        provider,
        base_url: base_url.parse().unwrap(),
        account: id.map(str::to_owned),
        number: "+919000000009".into(),
        api_key: SecretString::from("Akey-of-the-test"),
        plus_in_path: true,
        api_version: None,
    }
}

fn channel(base_url: &str, config: &Config) -> Channel {
    Channel::new(Client::new(config).unwrap(), &account(base_url)).unwrap()
}

fn reference(seq: i32) -> Reference {
    ReferenceKey::new([7; 16]).seal(CampaignId(17), Seq(seq))
}

fn message() -> FlowMessage {
    FlowMessage {
        header: None,
        body: "Hello Anna".into(),
        footer: None,
        cta: "Open".into(),
        flow: FlowName::Id("1197715005513101".into()),
        action: FlowAction::DataExchange,
        mode: FlowMode::Published,
        has_reference: true,
    }
}

/// Sends recipient `seq` the usual message.
async fn send(channel: &Channel, seq: i32) -> Answer {
    send_message(channel, &Message::Flow(message()), seq).await
}

/// A flow message with all parts that every provider supports.
fn survey() -> FlowMessage {
    FlowMessage {
        action: FlowAction::Navigate {
            screen: "WELCOME".into(),
            data: json!({ "first_name": "Anna", "age": 7 }).as_object().cloned(),
        },
        ..message()
    }
}

/// A template with all parts.
fn template() -> TemplateMessage {
    TemplateMessage {
        name: "course_signup".into(),
        language: "en_US".into(),
        namespace: Some("ca300906_0000_0000_0000_000000000000".into()),
        header: Some(TemplateHeader::Text("Nakuru".into())),
        body: vec!["Anna".into(), "Tuesday".into()],
        button: Some(FlowButton { index: 0, data: json!({ "first_name": "Anna" }).as_object().cloned() }),
        buttons: Vec::new(),
    }
}

/// URL, headers and body of the request for recipient 1, as `dry_run` shows them.
fn shown(provider: Provider, message: &Message) -> (String, Value) {
    let base_url = "https://api.example";
    let channel = Channel::new(Client::new(&config()).unwrap(), &account_of(provider, base_url)).unwrap();
    let to = Msisdn::from_digits(919_000_000_001).unwrap();
    let outgoing = Outgoing { to, message, reference: reference(1), campaign: CampaignId(17), attempt: 1 };
    let shown = channel.dry_run(&outgoing).unwrap();
    let (head, body) = shown.split_once("\n\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

async fn send_message(channel: &Channel, message: &Message, seq: i32) -> Answer {
    let to = Msisdn::from_digits(919_000_000_000 + u64::try_from(seq).unwrap()).unwrap();
    let outgoing = Outgoing { to, message, reference: reference(seq), campaign: CampaignId(17), attempt: 1 };
    let answer = tokio::time::timeout(Duration::from_secs(30), channel.send(&outgoing)).await;
    answer.expect("every request ends by itself")
}
