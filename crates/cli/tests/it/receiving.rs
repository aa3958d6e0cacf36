//! A `flowcast server` of a test's own, and posting to it by hand.

use std::net::SocketAddr;

use campaign::{CampaignId, ReferenceKey, Seq};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;
use simulator::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};

use crate::world::{PATIENCE, Process, World};

/// The secret of the webhooks; for providers without a signature it is user and password.
pub(crate) const SECRET: &str = "flow:secret-51c9";

pub(crate) const FLOW: &str = "name = \"t\"\nsender = \"ke-main\"\n[flow]\nbody = \"Hi {{ first_name }}\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n[policy]\nassume_window = \"open\"\n";

/// A server, and where the sender's provider posts.
pub(crate) struct Receiving {
    pub(crate) server: Process,
    pub(crate) at: SocketAddr,
    pub(crate) path: String,
}

impl Receiving {
    /// Starts `flowcast server` with these settings, and waits until it answers.
    pub(crate) async fn start(world: &mut World, settings: &[(&str, &str)]) -> Self {
        world.ok(&["sender", "set", "ke-main", "--webhook-secret-env", "TEST_WEBHOOK_SECRET"]).await;
        let printed = world.ok(&["sender", "webhook", "ke-main"]).await;
        let path = printed.lines().next().unwrap().split_once("/webhook/").unwrap().1;
        let at = free_address();
        let server = serve(world, at, settings).await;
        Self { server, at, path: format!("/webhook/{path}") }
    }

    /// The webhook of another sender of Meta with the same secret.
    pub(crate) async fn of_another_sender(&self, world: &World, name: &str) -> String {
        let add =
            format!("sender add {name} --provider meta --number +919900000001 --account 106540352242999");
        let mut add: Vec<&str> = add.split(' ').collect();
        let base_url = world.provider.base_url();
        add.extend(["--base-url", &base_url, "--api-key-env", "TEST_PROVIDER_KEY", "--rate", "none"]);
        world.ok(&add).await;
        world.ok(&["sender", "set", name, "--webhook-secret-env", "TEST_WEBHOOK_SECRET"]).await;
        let printed = world.ok(&["sender", "webhook", name]).await;
        let path = format!("/webhook/{}", printed.lines().next().unwrap().split_once("/webhook/").unwrap().1);
        let deadline = Instant::now() + PATIENCE;
        let empty = br#"{"entry":[]}"#;
        let signed = [("x-hub-signature-256", &*signature(empty))];
        while request(self.at, ("POST", &path), &signed, empty).await.map(|(status, _)| status) != Some(200) {
            assert!(Instant::now() < deadline, "the server does not know the new sender; {}", world.logs());
            sleep(Duration::from_millis(50)).await;
        }
        path
    }

    /// Kills the server and starts it again at the same address.
    pub(crate) async fn kill_and_start(self, world: &mut World) -> Self {
        let Self { server, at, path } = self;
        server.kill().await;
        Self { server: serve(world, at, &[]).await, at, path }
    }

    /// Lets the provider post what becomes of messages here.
    pub(crate) fn is_told_by(&self, world: &World, webhook: simulator::Webhook) {
        let url = format!("http://{}{}", self.at, self.path);
        let webhook = simulator::Webhook { url, secret: Some(SecretString::from(SECRET)), ..webhook };
        world.provider.controls().set_webhook(Some(webhook)).unwrap();
    }

    /// Posts this body, signed as Meta does; the status of the answer, if there is one.
    pub(crate) async fn post(&self, body: &[u8]) -> Option<u16> {
        self.post_with(&[("x-hub-signature-256", &signature(body))], body).await
    }

    /// The same, with these headers only.
    pub(crate) async fn post_with(&self, headers: &[(&str, &str)], body: &[u8]) -> Option<u16> {
        request(self.at, ("POST", &self.path), headers, body).await.map(|(status, _)| status)
    }
}

/// A post of Meta that says that these recipients of a campaign have their message.
pub(crate) fn delivered(key: &ReferenceKey, campaign: CampaignId, seqs: std::ops::Range<i32>) -> Vec<u8> {
    let statuses: Vec<_> = seqs
        .map(|seq| {
            json!({"id": format!("wamid.{seq}"), "status": "delivered", "timestamp": "1749416383",
                "biz_opaque_callback_data": key.seal(campaign, Seq(seq)).to_string()})
        })
        .collect();
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": statuses}}]}]})
    .to_string()
    .into_bytes()
}

/// A server of a Meta sender with a campaign of so many recipients, and the key of the references.
pub(crate) async fn of_meta(
    name: &str,
    recipients: u32,
    settings: &[(&str, &str)],
) -> (World, Receiving, ReferenceKey) {
    let mut world =
        World::new(name, "none", Config { provider: simulator::Provider::Meta, ..Config::default() }).await;
    world.draft_of(FLOW, recipients).await;
    let key: Vec<u8> =
        world.look.query_one("select reference_key from installation", &[]).await.unwrap().get(0);
    let receiving = Receiving::start(&mut world, settings).await;
    (world, receiving, ReferenceKey::new(key.try_into().unwrap()))
}

/// An address for a server that is started soon. No connection of another process gets its port meanwhile.
pub(crate) fn free_address() -> SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, devstack::free_port().unwrap()).into()
}

async fn serve(world: &mut World, at: SocketAddr, settings: &[(&str, &str)]) -> Process {
    let listen = at.to_string();
    let mut environment = vec![("FLOWCAST_SERVER_LISTEN", listen.as_str()), ("TEST_WEBHOOK_SECRET", SECRET)];
    environment.extend(settings);
    let server = world.start_with("server", &environment);
    let deadline = Instant::now() + PATIENCE;
    while request(at, ("GET", "/health"), &[], b"").await.map(|(status, _)| status) != Some(200) {
        assert!(Instant::now() < deadline, "the server does not answer; {}", world.logs());
        sleep(Duration::from_millis(20)).await;
    }
    server
}

/// Waits until everything the provider has to tell was taken.
pub(crate) async fn all_told(world: &World, at_least: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let returned = world.provider.controls().webhook_counts();
        if returned.planned == returned.taken && returned.taken >= at_least {
            return;
        }
        assert!(Instant::now() < deadline, "{returned:?}; {}", world.logs());
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let hex: Vec<String> = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={}", hex.concat())
}

/// One request on a connection of its own; the status and the body of the answer, if there is one.
pub(crate) async fn request(
    at: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(at).await.ok()?;
    let length = ("content-length", &*body.len().to_string());
    let headers =
        [("host", "test"), ("connection", "close"), length].into_iter().chain(headers.iter().copied());
    let lines: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.1\r\n{}\r\n", lines.concat());
    stream.write_all(head.as_bytes()).await.ok()?;
    // A body that is too long is refused before its end.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    read_answer(&answer)
}

/// Status and body of an answer, if it is one.
fn read_answer(answer: &[u8]) -> Option<(u16, String)> {
    let answer = String::from_utf8_lossy(answer);
    let status = answer.get(9..12)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned()))
}
