//! Requests to the provider.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

/// The time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer in bytes.
const MOST: usize = 1024 * 1024;

/// A request that got no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing was answered.
    #[error("{0}")]
    Request(#[from] reqwest::Error),
    /// The answer is no HTTP response.
    #[error("{0}")]
    Response(#[from] http::Error),
    /// The answer is too long.
    #[error("the answer is longer than {MOST} bytes")]
    TooLong,
}

/// A client that follows no redirect: an answer of the provider must not lead requests elsewhere.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one in the meantime; then that one is used.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
    reqwest::Client::builder()
        .user_agent(concat!("flowcast/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        .referer(false)
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// Sends a request.
pub(crate) async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    let sent = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let mut answer = sent.send().await?;
    let mut response = http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > MOST {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&part);
    }
    Ok(response.body(body)?)
}
