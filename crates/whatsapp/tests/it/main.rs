//! The adapter against the vendor's page and against real sockets. Needs no service; the listeners are its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail like tests")]

mod answers;
mod environment;
mod faults;
mod http2;
mod listener;
mod requests;
mod simulated;
mod tls;

use std::time::Duration;

use campaign::{
    CampaignId, FlowAction, FlowMessage, FlowMode, FlowName, Msisdn, Provider, Reference, ReferenceKey, Seq,
};
use secrecy::SecretString;
use whatsapp::{Account, Answer, Channel, Client, Config, Outgoing};

/// Limits short enough for a test that waits for them, long enough for a busy machine.
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
    Account {
        provider: Provider::Kaleyra,
        base_url: base_url.parse().unwrap(),
        account: Some("HXAP16XXXXXX97IN".into()),
        number: "+919000000009".into(),
        api_key: SecretString::from("Akey-of-the-test"),
        plus_in_path: true,
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
    }
}

/// Sends recipient `seq` the usual message.
async fn send(channel: &Channel, seq: i32) -> Answer {
    send_message(channel, &message(), seq).await
}

async fn send_message(channel: &Channel, message: &FlowMessage, seq: i32) -> Answer {
    let to = Msisdn::from_digits(919_000_000_000 + u64::try_from(seq).unwrap()).unwrap();
    let outgoing = Outgoing { to, message, reference: reference(seq), campaign: CampaignId(17), attempt: 1 };
    let answer = tokio::time::timeout(Duration::from_secs(30), channel.send(&outgoing)).await;
    answer.expect("every request ends by itself")
}
