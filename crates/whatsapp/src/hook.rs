//! Posting to an address of the operator's own: alerts, not messages.

use reqwest::header::CONTENT_TYPE;
use url::Url;

use crate::client::Client;

/// Why a hook did not take what was posted; the address is not in it, it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No answer.
    #[error("the hook does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// Another answer than 2xx.
    #[error("the hook answers with HTTP status {0}")]
    Refused(u16),
}

impl Client {
    /// Posts a JSON body; only a 2xx answer counts as taken.
    pub async fn post_hook(&self, url: &Url, body: &serde_json::Value) -> Result<(), HookError> {
        let request =
            self.http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = request.send().await.map_err(|error| HookError::Unreachable(error.without_url()))?;
        if answer.status().is_success() { Ok(()) } else { Err(HookError::Refused(answer.status().as_u16())) }
    }
}
