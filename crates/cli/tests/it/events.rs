//! Events as a receiver gets them from a running installation: in order, signed, again after a crash, without personal data.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use simulator::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::api::ask;
use crate::api_server::{ApiServer, key};
use crate::world::{PATIENCE, World, nothing_planted_in};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Keeps every request as text, and answers 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: watch::Receiver<Vec<String>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (seen, requests) = watch::channel(Vec::new());
        let seen = Arc::new(seen);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(socket, Arc::clone(&seen)));
            }
        });
        Self { url, requests }
    }

    async fn requests(&mut self, count: usize) -> Vec<String> {
        let seen = self.requests.wait_for(|seen| seen.len() >= count);
        tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap().clone()
    }
}

async fn answer(mut socket: TcpStream, seen: Arc<watch::Sender<Vec<String>>>) {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = socket.read(&mut part).await.unwrap();
        if length == 0 {
            return;
        }
        read.extend_from_slice(&part[..length]);
        let text = String::from_utf8(read.clone()).unwrap();
        let announced = header(&text, "content-length").and_then(|length| length.parse().ok());
        if announced.is_some_and(|announced: usize| body(&text).len() >= announced) {
            seen.send_modify(|seen| seen.push(text));
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return socket.write_all(answer).await.unwrap();
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn kind(request: &str) -> String {
    let body: Value = serde_json::from_str(body(request)).unwrap();
    body["type"].as_str().unwrap().to_owned()
}

fn is_signed(request: &str, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let head = format!(
        "{}.{}.",
        header(request, "webhook-id").unwrap(),
        header(request, "webhook-timestamp").unwrap()
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(head.as_bytes());
    mac.update(body(request).as_bytes());
    header(request, "webhook-signature")
        == Some(&format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[tokio::test]
async fn a_receiver_gets_the_events_of_a_campaign_in_order_and_again_after_a_crash() {
    let mut world = World::new("events", "none", Config::default()).await;
    let (mut receiver, mut alerts) = (Receiver::start().await, Receiver::start().await);
    world.file("key", KEY);
    let settings = format!(
        "[webhooks]\nkey = \"file:key\"\nnetworks = [\"127.0.0.0/8\"]\n[alerts]\nurl = \"{}\"\n",
        alerts.url
    );
    world.file("flowcast.toml", settings);
    let added = world.ok(&["webhook-endpoint", "add", "shop", &receiver.url]).await;
    let secret = added.lines().find_map(|line| line.strip_prefix("secret")).unwrap().trim().to_owned();
    world.ok(&["webhook-endpoint", "ping", "shop"]).await;

    // The process dies after the answer and before the commit: the event arrives again with the same id.
    let died = world.start_with("producer", &[("FLOWCAST_FAIL_AT", "after_delivery")]);
    let first = receiver.requests(1).await.remove(0);
    died.died().await;
    world.look.batch_execute("update webhook_endpoint set leased_until = 'epoch'").await.unwrap();
    let _processes = [world.start("producer"), world.start("producer"), world.start("consumer")];
    let second = receiver.requests(2).await.remove(1);
    assert_eq!(header(&second, "webhook-id"), header(&first, "webhook-id"));
    assert_eq!(kind(&second), "test.ping");

    let id = world.draft(200).await;
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.ok(&["sender", "hold", "ke-main"]).await;
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.until("select count(*) from webhook_delivery where state <> 'delivered'", 0).await;
    world.until("select count(*) from event where position is null", 0).await;
    let requests = receiver.requests(7).await;
    let kinds: Vec<String> = requests.iter().skip(2).map(|request| kind(request)).collect();
    let expected =
        ["list.imported", "campaign.started", "campaign.finished", "sender.stopped", "sender.opened"];
    assert_eq!(kinds, expected);
    for request in &requests {
        assert!(is_signed(request, &secret), "{request}");
        nothing_planted_in(request);
    }

    // The alert hook keeps its body, and is not signed.
    let alerts = alerts.requests(2).await;
    let body: Value = serde_json::from_str(body(&alerts[0])).unwrap();
    assert_eq!((body["event"].as_str(), body["sender"].as_str()), (Some("sender_stopped"), Some("ke-main")));
    assert!(alerts.iter().all(|request| header(request, "webhook-signature").is_none()));

    let listed = world.ok(&["webhook-endpoint", "deliveries", "shop"]).await;
    assert!(listed.contains("campaign.finished") && listed.contains("200"), "{listed}");
    assert!(world.ok(&["webhook-endpoint", "list"]).await.contains("enabled"));
    world.ok(&["webhook-endpoint", "resend", "shop", "--since", "2026-01-01T00:00:00Z"]).await;
    let (code, says) = world.fails(&["webhook-endpoint", "show", "nobody"]).await;
    assert_eq!(code, 3, "{says}");
    let (code, says) = world.fails(&["webhook-endpoint", "add", "x", "https://127.0.0.2@x/"]).await;
    assert!(code != 0 && says.contains("user or a password"), "{says}");
    let shown = world.ok(&["webhook-endpoint", "renew", "shop"]).await;
    assert!(shown.contains("whsec_") && !shown.contains(&secret), "{shown}");
    let seen = expected.iter().copied().filter(|kind| *kind != "test.ping").collect::<Vec<_>>();
    api_of_events(&mut world, &seen).await;
    assert!(!world.logs().contains("whsec_") && !world.logs().contains(KEY));
    world.close().await;
}

/// The same by the API: events page by page, and an endpoint whose secret a repeated request gets again.
async fn api_of_events(world: &mut World, expected: &[&str]) {
    let api = ApiServer::start(world, &[]).await;
    let key = key(world, "admin", &[]).await;
    let mut kinds: Vec<String> = Vec::new();
    let mut next = String::new();
    loop {
        let page = ask(&api, "get", &format!("/events?limit=2{next}"), Some(&key), &Value::Null).await.json();
        kinds.extend(
            page["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()),
        );
        next = format!("&after={}", page["next"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(kinds, expected);
    let endpoint = json!({"name": "crm", "url": "https://crm.example/hook", "events": ["campaign.finished"]});
    let add = || async {
        let ask = api.ask("POST", "/api/v1/webhook-endpoints").key(&key);
        ask.header("idempotency-key", "one").json(&endpoint).send().await
    };
    let (first, again) = (add().await, add().await);
    assert_eq!((first.status, again.status), (201, 201), "{first:?}");
    assert!(first.json()["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(first.json(), again.json());
    let removed = ask(&api, "delete", "/webhook-endpoints/crm", Some(&key), &Value::Null).await;
    assert_eq!(removed.status, 200, "{removed:?}");
}
