//! The HTTP client that all channels share.
//!
//! Invariant: one request of ours is one request on the wire. No redirect is followed and no request is repeated.

use std::fmt;
use std::sync::Arc;

use certificates::{ClientCertificate, Renewed, verifier_of_machine_and};
use reqwest::Proxy;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;

use crate::classification::overrides::Overrides;
use crate::config::Config;
use crate::error::Error;

/// The pooled HTTP client that all channels share; cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) max_answer_bytes: usize,
    pub(crate) allow_plain_http: bool,
    pub(crate) overrides: Arc<Overrides>,
}

impl Client {
    /// Builds the client; reads the root certificates of the machine and the files for TLS.
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
        if let Some(tls) = tls(config)? {
            builder = builder.tls_backend_preconfigured(tls);
        }
        if let Some(url) = &config.proxy {
            builder = builder.proxy(Proxy::all(url.clone()).map_err(build_error)?);
        }
        Ok(Self {
            http: builder.build().map_err(build_error)?,
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

/// The TLS settings, if they are not the defaults.
fn tls(config: &Config) -> Result<Option<ClientConfig>, Error> {
    let files = config.files();
    if files.is_empty() {
        return Ok(None);
    }
    let verifier = verifier_of_machine_and(&files.read()?.roots.unwrap_or_default())?;
    let certificate: Arc<dyn ResolvesClientCert> = match Renewed::new(files)? {
        Some(renewed) => renewed,
        None => ClientCertificate::new(None),
    };
    let mut tls = certificates::client(verifier, certificate)?;
    // reqwest takes these from its own settings only for a configuration of its own.
    if config.http2 {
        tls.alpn_protocols.push(b"h2".to_vec());
    }
    tls.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Some(tls))
}

/// Installs `ring` as the provider of TLS cryptography, unless the process already has one.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one in the meantime; then that one is used.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

fn build_error(error: reqwest::Error) -> Error {
    Error::Client(error.without_url())
}
