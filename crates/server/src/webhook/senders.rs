//! The senders with a webhook, and the authentication of their requests. Reloaded periodically.

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

use crate::metrics::SenderMetrics;

/// Resolves a secret from `env:NAME` or `file:PATH`; the error names the source.
pub type Secrets = dyn Fn(&str) -> Result<SecretString, String> + Send + Sync;

/// A sender, with what is needed to authenticate its webhook requests.
pub(crate) struct Sender {
    pub(crate) id: SenderId,
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) words: ConsentWords,
    pub(crate) metrics: SenderMetrics,
    verify_token: [u8; 32],
    secret: Secret,
    sources: Option<Vec<IpNet>>,
}

/// The secret of a sender's webhook.
enum Secret {
    /// No secret is set, which is allowed for providers that do not sign.
    NotSet,
    /// A secret is set, but cannot be resolved.
    Missing,
    /// Meta's app secret.
    Signature(SecretString),
    /// The hash of the `Authorization` header of Basic authentication.
    Basic([u8; 32]),
}

/// The result of the checks before the body is read.
pub(crate) enum SourceCheck {
    /// The body may be read.
    Accepted,
    /// The request is not from the provider; the kind of the refusal.
    Refused(&'static str),
    /// The request cannot be checked yet; the provider is asked to repeat it.
    NotReady,
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
                tracing::error!(sender.id = %row.sender, "webhook requests to sender {} are refused: {error}", row.name);
                Secret::Missing
            }
        };
        if row.provider == Provider::Meta && matches!(secret, Secret::NotSet) {
            tracing::warn!(
                sender.id = %row.sender,
                "webhook requests to sender {0} are refused: set Meta's app secret with 'flowcast sender set {0} --webhook-secret-env'",
                row.name
            );
        }
        Self {
            id: row.sender,
            metrics: SenderMetrics::new(&row.name),
            words: ConsentWords::new(row.opt_out_words.as_deref(), row.opt_in_words.as_deref()),
            verify_token: hash(row.verify_token.to_string().as_bytes()),
            // PostgreSQL validated the networks, so parsing does not fail.
            sources: row.sources.map(|sources| sources.iter().filter_map(|net| net.parse().ok()).collect()),
            name: row.name,
            provider: row.provider,
            secret,
        }
    }

    /// Checks the client address and the `Authorization` header of a request.
    pub(crate) fn check_source(&self, address: IpAddr, authorization: Option<&[u8]>) -> SourceCheck {
        if self.sources.as_ref().is_some_and(|nets| !nets.iter().any(|net| net.contains(&address))) {
            return SourceCheck::Refused("bad_source");
        }
        match &self.secret {
            Secret::Missing => SourceCheck::NotReady,
            Secret::NotSet if self.provider == Provider::Meta => SourceCheck::NotReady,
            Secret::NotSet | Secret::Signature(_) => SourceCheck::Accepted,
            Secret::Basic(expected) if matches_hash(expected, authorization.unwrap_or_default()) => {
                SourceCheck::Accepted
            }
            Secret::Basic(_) => SourceCheck::Refused("bad_password"),
        }
    }

    /// Whether requests are authenticated by a password, that is, before the body is read.
    pub(crate) fn has_password(&self) -> bool {
        matches!(self.secret, Secret::Basic(_))
    }

    /// Whether the body has a valid signature, if the provider signs.
    pub(crate) fn is_signed(&self, body: &[u8], signature: Option<&[u8]>) -> bool {
        match &self.secret {
            Secret::Signature(secret) => whatsapp::webhook::is_signed(secret, body, signature),
            Secret::NotSet | Secret::Missing | Secret::Basic(_) => true,
        }
    }

    /// Whether this is the verify token that was given to Meta.
    pub(crate) fn is_verify_token(&self, token: &str) -> bool {
        self.provider == Provider::Meta && matches_hash(&self.verify_token, token.as_bytes())
    }
}

fn matches_hash(expected: &[u8; 32], given: &[u8]) -> bool {
    expected.ct_eq(&hash(given)).into()
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// All senders by the hash of their path, so that the duration of a lookup reveals nothing about paths.
#[derive(Default)]
pub(crate) struct Senders {
    /// `None` until the senders are loaded for the first time.
    by_path: RwLock<Option<HashMap<[u8; 32], Arc<Sender>>>>,
}

/// The result of a lookup by path.
pub(crate) enum SenderLookup {
    /// The sender with this path.
    Found(Arc<Sender>),
    /// No sender has this path.
    Unknown,
    /// The senders are not loaded yet.
    NotLoaded,
}

impl Senders {
    /// Looks up the sender by its path.
    pub(crate) async fn lookup(&self, path: &str) -> SenderLookup {
        match &*self.by_path.read().await {
            None => SenderLookup::NotLoaded,
            Some(senders) => senders
                .get(&hash(path.as_bytes()))
                .map_or(SenderLookup::Unknown, |sender| SenderLookup::Found(Arc::clone(sender))),
        }
    }

    /// Replaces all senders by these rows.
    pub(crate) async fn replace(&self, rows: Vec<WebhookRow>, secrets: &Secrets) {
        let known = rows.into_iter().map(|row| {
            let path = hash(row.path.to_string().as_bytes());
            (path, Arc::new(Sender::new(row, secrets)))
        });
        let known: HashMap<_, _> = known.collect();
        *self.by_path.write().await = Some(known);
    }
}
