//! Posts a JSON body to an address, with or without the guard.
//!
//! **Invariants.** One request of ours is one request on the wire: no redirect is followed, nothing is repeated. With a guard, a
//! connection is made only to addresses that the guard has checked.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy, Response};
use tokio::time::timeout;
use url::Url;

use crate::guard::{Guard, Refused};
use crate::signature::Signed;

/// The bytes of an answer that are read. More are not waited for.
const READ: usize = 64 * 1024;
/// The bytes of an answer that are kept.
const KEPT: usize = 1024;

/// The answer of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The first 1 KiB of the body, as text without control characters.
    pub beginning: String,
}

/// Why there is no answer. The texts do not contain the URL, whose path may be secret.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The address is not allowed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No complete answer in time.
    #[error("the receiver took longer than {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection failed.
    #[error("the receiver does not answer: {0}")]
    Unreachable(String),
    /// The HTTP client cannot be built or the request cannot be written.
    #[error("cannot post: {0}")]
    Client(String),
}

/// A future that resolves a name.
type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
/// Resolves names; tests replace it.
pub(crate) type LookUp = Arc<dyn Fn(String) -> Lookup + Send + Sync>;

/// Posts bodies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Poster {
    guard: Option<Guard>,
    https: Client,
    plain: Client,
}

impl Poster {
    /// For addresses that a customer chose. No proxy is used, because a proxy would resolve the name itself.
    pub fn guarded(guard: &Guard) -> Result<Self, PostError> {
        let look_up: LookUp = Arc::new(|name| Box::pin(resolve(name)));
        Self::with_lookup(guard, &look_up)
    }

    pub(crate) fn with_lookup(guard: &Guard, look_up: &LookUp) -> Result<Self, PostError> {
        let client = |is_plain| {
            let resolver = Checked { guard: guard.clone(), is_plain, look_up: Arc::clone(look_up) };
            build(builder().dns_resolver(Arc::new(resolver)).https_only(!is_plain))
        };
        Ok(Self { https: client(false)?, plain: client(true)?, guard: Some(guard.clone()) })
    }

    /// For addresses in the configuration of the operator, over the proxy of the operator.
    pub fn of_operator(proxy: Option<&Url>) -> Result<Self, PostError> {
        let mut builder = builder();
        if let Some(url) = proxy {
            builder = builder.proxy(Proxy::all(url.clone()).map_err(client_error)?);
        }
        let client = build(builder)?;
        Ok(Self { guard: None, https: client.clone(), plain: client })
    }

    /// Posts a JSON body, signed or not. Any HTTP status is an answer.
    pub async fn post(
        &self,
        url: &Url,
        signed: Option<&Signed>,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Answer, PostError> {
        self.post_with(url, headers(signed)?, body, limit).await
    }

    /// Posts a body with these headers. Any HTTP status is an answer.
    pub async fn post_with(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Answer, PostError> {
        if let Some(guard) = &self.guard {
            guard.check_url(url)?;
        }
        let client = if url.scheme() == "https" { &self.https } else { &self.plain };
        let request = client.post(url.clone()).headers(headers).body(body);
        let answer = async { read(request.send().await.map_err(unreachable)?).await };
        timeout(limit, answer).await.unwrap_or(Err(PostError::Timeout(limit)))
    }
}

fn headers(signed: Option<&Signed>) -> Result<HeaderMap, PostError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Signed { id, timestamp, signatures }) = signed {
        let value =
            |text: &str| HeaderValue::from_str(text).map_err(|error| PostError::Client(error.to_string()));
        headers.insert("webhook-id", value(id)?);
        headers.insert("webhook-timestamp", HeaderValue::from(*timestamp));
        headers.insert("webhook-signature", value(signatures)?);
    }
    Ok(headers)
}

/// Reads the body, at most 64 KiB of it. What arrived before the connection broke is enough: the status decides.
async fn read(mut response: Response) -> Result<Answer, PostError> {
    let status = response.status().as_u16();
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Ok(Some(chunk)) = response.chunk().await {
        length += chunk.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(KEPT - kept.len())]);
        if length >= READ {
            break;
        }
    }
    let text = String::from_utf8_lossy(&kept);
    let beginning =
        text.chars().map(|sign| if sign.is_control() && sign != '\n' { ' ' } else { sign }).collect();
    Ok(Answer { status, beginning })
}

fn builder() -> ClientBuilder {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one in the meantime; then that one is used.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
    Client::builder()
        .user_agent(concat!("flowcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(4))
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .no_proxy()
}

fn build(builder: ClientBuilder) -> Result<Client, PostError> {
    builder.build().map_err(client_error)
}

fn client_error(error: reqwest::Error) -> PostError {
    PostError::Client(error.without_url().to_string())
}

/// The refusal of the guard among the sources, or the deepest source.
fn unreachable(error: reqwest::Error) -> PostError {
    let error = error.without_url();
    let mut next: &(dyn StdError + 'static) = &error;
    loop {
        if let Some(refused) = next.downcast_ref::<Refused>() {
            return PostError::Refused(refused.clone());
        }
        match next.source() {
            Some(source) => next = source,
            None => return PostError::Unreachable(next.to_string()),
        }
    }
}

async fn resolve(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// Resolves a name once, and gives its addresses to the connection only if the guard allows all of them. So the name cannot have
/// other addresses for the check than for the connection.
struct Checked {
    guard: Guard,
    is_plain: bool,
    look_up: LookUp,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, is_plain) = (self.guard.clone(), self.is_plain);
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            guard.check_resolved(&found, is_plain)?;
            // The port is that of the URL.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
