//! Requests on the wire, and their output by `dry_run`.

use std::time::Duration;

use campaign::{CampaignId, Message, Msisdn};
use whatsapp::{Channel, Client, Config, Error, Outgoing};

use crate::listener::{Act, Listener};
use crate::verdicts::line;
use crate::{account, channel, config, message, patient, reference, send};

const PATH: &str = "POST /v2/HXAP16XXXXXX97IN/whatsapp/+919000000009/messages HTTP/1.1";

#[tokio::test]
async fn a_request_is_posted_as_the_page_says() {
    let listener = Listener::new([Act::accept()]).await;
    send(&channel(&listener.url(), &patient()), 1).await;
    let requests = listener.requests();
    let [request] = requests.as_slice() else { panic!("one request, not {}", requests.len()) };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(PATH), "{head}");
    for header in ["content-type: application/json", "api-key: Akey-of-the-test", "cache-control: no-cache"] {
        assert_eq!(
            head.lines().filter(|line| line.eq_ignore_ascii_case(header)).count(),
            1,
            "{header} in {head}"
        );
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["messaging_object"]["to"], "+919000000001");
    assert_eq!(body["extra_info"]["ref"], reference(1).to_string());
}

#[tokio::test]
async fn requests_after_another_share_one_connection() {
    let listener = Listener::new(std::iter::repeat_n(Act::accept(), 20)).await;
    let channel = channel(&listener.url(), &patient());
    for seq in 1..=20 {
        let answer = send(&channel, seq).await;
        assert_eq!(answer.http_status, Some(202), "{answer:?}");
    }
    assert_eq!((listener.connections(), listener.requests().len()), (1, 20));
}

#[tokio::test]
async fn all_requests_of_a_process_share_one_client() {
    let listener = Listener::new([Act::accept(), Act::accept()]).await;
    let client = Client::new(&patient()).unwrap();
    for seq in 1..=2 {
        let channel = Channel::new(client.clone(), &account(&listener.url())).unwrap();
        send(&channel, seq).await;
    }
    assert_eq!(listener.connections(), 1);
}

#[tokio::test]
async fn a_connection_idle_for_too_long_is_not_used_again() {
    let listener = Listener::new([Act::accept(), Act::accept()]).await;
    let channel = channel(&listener.url(), &Config { pool_idle_timeout: Duration::ZERO, ..patient() });
    send(&channel, 1).await;
    send(&channel, 2).await;
    assert_eq!(listener.connections(), 2);
}

#[test]
fn a_dry_run_shows_the_request_but_not_the_key() {
    let message = Message::Flow(message());
    let outgoing = Outgoing {
        to: Msisdn::from_digits(919_000_000_001).unwrap(),
        message: &message,
        reference: reference(1),
        campaign: CampaignId(17),
        attempt: 1,
    };
    let shown = channel("https://api.in.kaleyra.io", &config()).dry_run(&outgoing).unwrap();
    let address = "POST https://api.in.kaleyra.io/v2/HXAP16XXXXXX97IN/whatsapp/+919000000009/messages\n";
    assert!(shown.starts_with(address), "{shown}");
    assert!(shown.contains("api-key: ********\n") && !shown.contains("Akey"), "{shown}");
    assert!(shown.contains("\"to\": \"+919000000001\""), "{shown}");
    let debugged = format!("{outgoing:?} {:?}", channel("https://api.in.kaleyra.io", &config()));
    for secret in ["919000000", "Akey", "Anna", "HXAP", &reference(1).to_string()] {
        assert!(!debugged.contains(secret), "{debugged}");
    }
}

#[test]
fn plain_http_to_another_machine_must_be_allowed_in_the_configuration() {
    let new = |allow_plain_http| {
        let config = Config { allow_plain_http, ..Config::default() };
        Channel::new(Client::new(&config).unwrap(), &account("http://simulator:8080"))
    };
    assert!(matches!(new(false), Err(Error::Account { field: "base URL", .. })));
    assert!(new(true).is_ok());
}

#[tokio::test]
async fn an_override_of_the_operator_changes_the_class_of_a_code() {
    let refusal = r#"{"code":"E999","message":"new"}"#;
    let listener = Listener::new(std::iter::repeat_n(Act::answer("400 Bad Request", "", refusal), 2)).await;
    let overrides = toml::from_str("[kaleyra.errors]\nE999 = \"stop sender: payment\"").unwrap();
    let told = Config { overrides, ..patient() };
    for (config, expected) in [(patient(), "rejected E999"), (told, "stop sender payment E999")] {
        let answer = send(&channel(&listener.url(), &config), 1).await;
        assert_eq!(line(&answer.verdict), expected);
    }
}
