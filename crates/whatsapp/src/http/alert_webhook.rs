//! Posting alerts to the operator's webhook.

use reqwest::header::CONTENT_TYPE;
use url::Url;

use crate::http::client::Client;

/// The reason why an alert was not delivered. It does not contain the URL, which may contain a secret.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The webhook did not answer.
    #[error("the webhook does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is not 2xx.
    #[error("the webhook answers with HTTP status {0}")]
    Refused(u16),
}

impl Client {
    /// Posts a JSON body; any answer other than 2xx is an error.
    pub async fn post_alert(&self, url: &Url, body: &serde_json::Value) -> Result<(), AlertError> {
        let request =
            self.http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = request.send().await.map_err(|error| AlertError::Unreachable(error.without_url()))?;
        if answer.status().is_success() { Ok(()) } else { Err(AlertError::Refused(answer.status().as_u16())) }
    }
}
