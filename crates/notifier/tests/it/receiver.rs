//! A receiver of webhooks, which verifies signatures by an independent reading of the specification: SHA-256 from the library, HMAC
//! (RFC 2104) and base64 written here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// Answers requests with the statuses of a list, then with 200; status 0 never answers.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    requests: watch::Receiver<Vec<Request>>,
}

impl Receiver {
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, requests) = watch::channel(Vec::new());
        let (seen, mut statuses) = (Arc::new(seen), VecDeque::from(statuses.to_vec()));
        let held = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = read(&mut socket).await;
                seen.send_modify(|seen| seen.push(request));
                match statuses.pop_front().unwrap_or(200) {
                    0 => held.lock().unwrap().push(socket),
                    status => {
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsaid"
                        );
                        socket.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The requests, as soon as there are this many.
    pub(crate) async fn requests(&mut self, count: usize) -> Vec<Request> {
        let seen = self.requests.wait_for(|seen| seen.len() >= count);
        tokio::time::timeout(std::time::Duration::from_mins(1), seen).await.unwrap().unwrap().clone()
    }
}

async fn read(socket: &mut TcpStream) -> Request {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = socket.read(&mut part).await.unwrap();
        assert!(length > 0, "the request ended early");
        read.extend_from_slice(&part[..length]);
        let text = String::from_utf8(read.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: HashMap<String, String> =
            lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        if body.len() >= headers["content-length"].parse().unwrap() {
            return Request { headers, body: body.to_owned() };
        }
    }
}

impl Request {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Whether one of the signatures was made with this secret.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = unbase64(secret.strip_prefix("whsec_").unwrap());
        let signed = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        let expected = format!("v1,{}", base64(&hmac(&key, signed.as_bytes())));
        self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |with: u8| (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36).as_slice(), message].concat());
    Sha256::digest([pad(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits =
            part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= part.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let (mut bits, mut length, mut bytes) = (0_u32, 0, Vec::new());
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let value = ALPHABET.iter().position(|known| *known == sign).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        length += 6;
        if length >= 8 {
            length -= 8;
            bytes.push(u8::try_from(bits >> length & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn the_independent_verification_accepts_the_standards_test_vector() {
    let request = |signature: &str| Request {
        headers: [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        body: r#"{"test": 2432232314}"#.into(),
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert!(request(right).is_signed_with(secret));
    assert!(request(&format!("v1,AAAA {right}")).is_signed_with(secret));
    assert!(!request(&right.replace('g', "h")).is_signed_with(secret));
}
