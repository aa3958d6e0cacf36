//! The senders whose providers post here, and by what their posts are known. Read again every few seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use campaign::{ConsentWords, Provider, SenderId};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::WebhookRow;
use subtle::ConstantTimeEq;
use tokio::sync::RwLock;

/// Finds the secret behind `env:NAME` or `file:PATH`; the error says where it was looked for.
pub type Secrets = dyn Fn(&str) -> Result<SecretString, String> + Send + Sync;

/// A sender, as its provider's posts are checked.
pub(crate) struct Sender {
    pub(crate) id: SenderId,
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) words: ConsentWords,
    verify_token: [u8; 32],
    secret: Secret,
    sources: Option<Vec<IpNet>>,
}

/// The secret of a sender's posts.
enum Secret {
    /// None is set; that is enough for providers that sign nothing.
    NotSet,
    /// It is set and cannot be found here.
    Missing,
    /// Meta's app secret.
    Signature(SecretString),
    /// Hash of the `Authorization` header of Basic auth.
    Basic([u8; 32]),
}

/// What the checks before the body say.
pub(crate) enum Known {
    /// Read the body.
    Yes,
    /// It is none of the provider's.
    No(&'static str),
    /// Nobody can tell; the provider shall post again.
    NotYet,
}

impl Sender {
    fn new(row: WebhookRow, secrets: &Secrets) -> Self {
        let secret = match row.secret_ref.as_deref().map(secrets) {
            None => Secret::NotSet,
            Some(Ok(secret)) if row.provider == Provider::Meta => Secret::Signature(secret),
            Some(Ok(secret)) => Secret::Basic(hash(
                format!("Basic {}", BASE64_STANDARD.encode(secret.expose_secret())).as_bytes(),
            )),
            Some(Err(error)) => {
                tracing::error!(sender.id = %row.sender, "posts to sender {} are refused: {error}", row.name);
                Secret::Missing
            }
        };
        if row.provider == Provider::Meta && matches!(secret, Secret::NotSet) {
            tracing::warn!(
                sender.id = %row.sender,
                "posts to sender {0} are refused: set Meta's app secret with 'flowcast sender set {0} --webhook-secret-env'",
                row.name
            );
        }
        Self {
            id: row.sender,
            words: ConsentWords::new(row.opt_out_words.as_deref(), row.opt_in_words.as_deref()),
            verify_token: hash(row.verify_token.to_string().as_bytes()),
            // What Postgres took as a network is one.
            sources: row.sources.map(|sources| sources.iter().filter_map(|net| net.parse().ok()).collect()),
            name: row.name,
            provider: row.provider,
            secret,
        }
    }

    /// Whether a post may come from this address, and with this `Authorization`.
    pub(crate) fn knows(&self, address: IpAddr, authorization: Option<&[u8]>) -> Known {
        if self.sources.as_ref().is_some_and(|nets| !nets.iter().any(|net| net.contains(&address))) {
            return Known::No("bad_source");
        }
        match &self.secret {
            Secret::Missing => Known::NotYet,
            Secret::NotSet if self.provider == Provider::Meta => Known::NotYet,
            Secret::NotSet | Secret::Signature(_) => Known::Yes,
            Secret::Basic(right) if is_same(right, authorization.unwrap_or_default()) => Known::Yes,
            Secret::Basic(_) => Known::No("bad_password"),
        }
    }

    /// Whether a post that this sender knows has shown a password, so that it is the provider's before its body is read.
    pub(crate) fn has_password(&self) -> bool {
        matches!(self.secret, Secret::Basic(_))
    }

    /// Whether the body is signed as this provider signs.
    pub(crate) fn is_signed(&self, body: &[u8], signature: Option<&[u8]>) -> bool {
        match &self.secret {
            Secret::Signature(secret) => whatsapp::webhook::is_signed(secret, body, signature),
            Secret::NotSet | Secret::Missing | Secret::Basic(_) => true,
        }
    }

    /// Whether Meta shows the token that it was given.
    pub(crate) fn verifies(&self, token: &str) -> bool {
        self.provider == Provider::Meta && is_same(&self.verify_token, token.as_bytes())
    }
}

fn is_same(right: &[u8; 32], shown: &[u8]) -> bool {
    right.ct_eq(&hash(shown)).into()
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// All senders, by the hash of their path: how long a look-up takes tells nothing of a path.
#[derive(Default)]
pub(crate) struct Senders {
    /// `None` until the senders were read for the first time.
    by_path: RwLock<Option<HashMap<[u8; 32], Arc<Sender>>>>,
}

/// Whose a path is.
pub(crate) enum PathOf {
    /// This sender's.
    Sender(Arc<Sender>),
    /// No sender's.
    Nobody,
    /// The senders were not read yet, so nobody can tell.
    NotKnownYet,
}

impl Senders {
    /// The sender of this path.
    pub(crate) async fn of(&self, path: &str) -> PathOf {
        match &*self.by_path.read().await {
            None => PathOf::NotKnownYet,
            Some(senders) => senders
                .get(&hash(path.as_bytes()))
                .map_or(PathOf::Nobody, |sender| PathOf::Sender(Arc::clone(sender))),
        }
    }

    /// Takes these rows for all there are.
    pub(crate) async fn replace(&self, rows: Vec<WebhookRow>, secrets: &Secrets) {
        let known = rows.into_iter().map(|row| {
            let path = hash(row.path.to_string().as_bytes());
            (path, Arc::new(Sender::new(row, secrets)))
        });
        let known: HashMap<_, _> = known.collect();
        *self.by_path.write().await = Some(known);
    }
}
