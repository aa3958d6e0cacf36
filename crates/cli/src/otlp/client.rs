//! The HTTP client of the export.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use notifier::Poster;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::exit::Refused;

/// Posts spans. It has a runtime of its own, because the exporter calls it from a thread of its own, also after the runtime of the role has
/// ended.
#[derive(Debug)]
pub(crate) struct Client {
    address: Url,
    poster: Poster,
    runtime: Runtime,
    limit: Duration,
}

impl Client {
    pub(crate) fn new(address: Url, limit: Duration) -> Result<Self, Refused> {
        let failed =
            |error: &dyn std::fmt::Display| Refused(format!("[otlp] spans cannot be exported: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let poster = Poster::of_operator(None).map_err(|error| failed(&error))?;
        Ok(Self { address, poster, runtime, limit })
    }

    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let posting = self.poster.post_with(&self.address, parts.headers, body.into(), self.limit);
        let answer = self.runtime.block_on(posting).inspect_err(|error| {
            tracing::warn!(
                "spans are lost, because the collector of [otlp] endpoint does not take them: {error}"
            );
        })?;
        if !(200..300).contains(&answer.status) {
            tracing::warn!(
                "spans are lost, because the collector of [otlp] endpoint answers with the status {}",
                answer.status
            );
        }
        // The exporter reads only the status.
        Ok(Response::builder().status(answer.status).body(Bytes::new())?)
    }
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sending>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        Box::pin(std::future::ready(self.post(request)))
    }
}
