//! The one HTTP client of the process.
//!
//! One request of ours is one request on the wire: no redirect is followed and nothing is repeated.

use std::fmt;
use std::sync::Arc;

use reqwest::Proxy;
use reqwest::redirect::Policy;

use crate::config::Config;
use crate::error::Error;
use crate::overrides::Overrides;

/// The pooled HTTP client that all channels share; cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) max_answer_bytes: usize,
    pub(crate) allow_plain_http: bool,
    pub(crate) overrides: Arc<Overrides>,
}

impl Client {
    /// Builds it; reads the machine's root certificates.
    pub fn new(config: &Config) -> Result<Self, Error> {
        config.check()?;
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flowcast/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.timeout)
            .pool_idle_timeout(config.pool_idle_timeout)
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .no_proxy();
        if !config.http2 {
            builder = builder.http1_only();
        }
        if let Some(url) = &config.proxy {
            builder = builder.proxy(Proxy::all(url.clone()).map_err(unbuilt)?);
        }
        Ok(Self {
            http: builder.build().map_err(unbuilt)?,
            max_answer_bytes: config.max_answer_bytes,
            allow_plain_http: config.allow_plain_http,
            overrides: Arc::new(config.overrides.clone()),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// TLS computes with ring, unless the process chose already.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been first; then its choice holds.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

fn unbuilt(error: reqwest::Error) -> Error {
    Error::Client(error.without_url())
}
