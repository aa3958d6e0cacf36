//! An OpenID provider of the test: metadata, keys and tokens over plain HTTP. What it puts into a token is up to the test.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const CLIENT: &str = "flowcast";
pub(crate) const SECRET: &str = "client-secret-91fe";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    Right,
    /// With a key that is not in the key set.
    OfAnotherKey,
    /// Not at all: `alg` is `none`.
    Missing,
}

/// The next token, and the PKCE challenge that its code was asked with.
struct Next {
    claims: Value,
    signature: Signature,
    challenge: String,
}

pub(crate) struct OpenIdProvider {
    pub(crate) issuer: String,
    next: Arc<Mutex<Option<Next>>>,
}

impl OpenIdProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let next = Arc::new(Mutex::new(None));
        let (key, other) = (new_key(), new_key());
        let (shared, own) = (Arc::clone(&next), issuer.clone());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                answer(socket, &own, (&key, &other), &shared).await;
            }
        });
        Self { issuer, next }
    }

    /// The next code gets a token with these claims.
    pub(crate) fn expect(&self, claims: Value, signature: Signature, challenge: &str) {
        *self.next.lock().unwrap() = Some(Next { claims, signature, challenge: challenge.to_owned() });
    }
}

fn new_key() -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
}

async fn answer(
    mut socket: TcpStream,
    issuer: &str,
    (key, other): (&Ed25519KeyPair, &Ed25519KeyPair),
    next: &Mutex<Option<Next>>,
) {
    let request = read(&mut socket).await;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let answer = match path {
        "/.well-known/openid-configuration" => json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        }),
        "/keys" => json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "one",
            "x": URL_SAFE_NO_PAD.encode(key.public_key()),
        }] }),
        "/token" => token(&request, next, (key, other)),
        _ => json!({}),
    };
    let status = if answer.get("error").is_some() { "400 Bad Request" } else { "200 OK" };
    let body = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A client that went away needs no answer.
    socket.write_all(format!("{head}{body}").as_bytes()).await.ok();
}

async fn read(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = socket.read(&mut part).await.unwrap_or(0);
        read.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let announced =
            text.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if length == 0 || body.is_some_and(|body| body >= announced.unwrap_or(0)) {
            return text;
        }
    }
}

/// Redeems a code: once, for the right client, with the verifier of its challenge.
fn token(
    request: &str,
    next: &Mutex<Option<Next>>,
    (key, other): (&Ed25519KeyPair, &Ed25519KeyPair),
) -> Value {
    let refused = json!({ "error": "invalid_grant" });
    let Some(Next { claims, signature, challenge }) = next.lock().unwrap().take() else { return refused };
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let verifier = body.split('&').find_map(|pair| pair.strip_prefix("code_verifier=")).unwrap_or_default();
    if !request.contains(&basic) || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != challenge {
        return refused;
    }
    let algorithm = if signature == Signature::Missing { "none" } else { "EdDSA" };
    let header = json!({ "alg": algorithm, "kid": "one", "typ": "JWT" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = match signature {
        Signature::Right => URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())),
        Signature::OfAnotherKey => URL_SAFE_NO_PAD.encode(other.sign(signed.as_bytes())),
        Signature::Missing => String::new(),
    };
    json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": format!("{signed}.{signature}") })
}
