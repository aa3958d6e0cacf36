//! Parts of a request: caller, path, query, JSON body, and the key of a request that is repeated.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use bytes::Bytes;
use campaign::Definition;
use control::{Caller, Idempotency, Problem};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::etag::expected_versions;
use crate::json::{media_type, parse, text};
use crate::problem::{Failure, Kind};

/// The maximum length of a body in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The header with the key of a request that is repeated.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The maximum length of that key.
const MOST_OF_KEY: usize = 255;

/// The caller of a request that changes nothing.
pub(crate) struct Reader(pub(crate) Caller);

/// The caller of a download, which is no JSON.
pub(crate) struct Download(pub(crate) Caller);

/// A request with a body that changes something. A POST request must have an `Idempotency-Key`.
pub(crate) struct Write<T> {
    pub(crate) caller: Caller,
    pub(crate) body: T,
}

/// A request with the definition of a campaign, as JSON or TOML.
pub(crate) struct WriteDefinition {
    pub(crate) caller: Caller,
    pub(crate) definition: Definition,
}

/// A request with a body that changes nothing, such as the look-up of a number.
pub(crate) struct Question<T> {
    pub(crate) caller: Caller,
    pub(crate) body: T,
}

/// A segment of the path.
pub(crate) struct Path<T>(pub(crate) T);

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

/// A body without members. The body may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        accepts_json(&parts.headers)?;
        caller(parts).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Download {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        caller(parts).map(Self)
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let axum::extract::Path(path) = path.map_err(|_| {
            Failure::of(Problem::NotFound, "there is no such resource: an id in the path is not a number")
        })?;
        Ok(Self(path))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        // PostgreSQL stores no NUL.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Failure::of(Problem::InvalidBody, "the query contains the character U+0000"));
        }
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) = query.map_err(|error| {
            let text = error.body_text();
            let text = text.trim_start_matches("Failed to deserialize query string: ");
            Failure::of(Problem::InvalidBody, format!("the query is wrong: {text}"))
        })?;
        Ok(Self(query))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Write<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        accepts_json(&parts.headers)?;
        let mut caller = caller(&parts)?;
        caller.expected_versions = expected_versions(&parts.headers);
        let key = idempotency_key(&parts)?;
        let bytes = read(api, body).await?;
        caller.idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(&parts, &bytes) });
        Ok(Self { caller, body: parse(&parts.headers, &bytes)? })
    }
}

impl FromRequest<Arc<Api>> for WriteDefinition {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        accepts_json(&parts.headers)?;
        let mut caller = caller(&parts)?;
        let key = idempotency_key(&parts)?;
        let bytes = read(api, body).await?;
        caller.idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(&parts, &bytes) });
        let definition = if media_type(&parts.headers) == "application/toml" {
            let text = text(&bytes)?;
            Definition::parse(text).map_err(|error| Failure::from(control::Error::from(error)))?
        } else {
            parse(&parts.headers, &bytes)?
        };
        Ok(Self { caller, definition })
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Question<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        accepts_json(&parts.headers)?;
        let caller = caller(&parts)?;
        let bytes = read(api, body).await?;
        Ok(Self { caller, body: parse(&parts.headers, &bytes)? })
    }
}

pub(crate) fn caller(parts: &Parts) -> Result<Caller, Failure> {
    let caller = parts.extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| Failure::of(Problem::Unauthorized, "the API key is missing"))
}

/// Refuses a client that accepts no JSON.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Failure> {
    let accepted: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accepts = |kind: &str| {
        let mut parts = kind.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !is_refused
            && matches!(
                name.as_str(),
                "*/*" | "application/*" | "application/json" | "application/problem+json"
            )
    };
    if accepted.is_empty() || accepted.iter().flat_map(|value| value.split(',')).any(accepts) {
        return Ok(());
    }
    Err(Failure::new(Kind::NotAcceptable, "the answer is JSON; send 'Accept: application/json' or no Accept"))
}

/// The key of a POST request.
pub(crate) fn idempotency_key(parts: &Parts) -> Result<Option<String>, Failure> {
    let Some(key) = parts.headers.get(IDEMPOTENCY_KEY) else {
        if parts.method != Method::POST {
            return Ok(None);
        }
        let text = "the header Idempotency-Key is missing; send a new random value with each request, and the same value when the \
                    request is repeated";
        return Err(Failure::of(Problem::IdempotencyMissing, text));
    };
    let key = key.to_str().ok().filter(|key| (1..=MOST_OF_KEY).contains(&key.len()));
    let text = "Idempotency-Key must have 1 to 255 printable ASCII characters";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Failure::of(Problem::InvalidBody, text))
}

async fn read(api: &Api, body: Body) -> Result<Bytes, Failure> {
    let too_large = || Failure::of(Problem::TooLarge, "the body is longer than 1 MiB");
    let collect = async {
        let (mut chunks, mut all) = (body.into_data_stream(), Vec::new());
        while let Some(chunk) = chunks.next().await {
            let incomplete =
                |_| Failure::of(Problem::InvalidBody, "the connection ended before the body was complete");
            let chunk = chunk.map_err(incomplete)?;
            if chunk.len() > MAX_BODY - all.len() {
                return Err(too_large());
            }
            all.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(all))
    };
    let read = tokio::time::timeout(api.read_timeout(), collect).await;
    read.unwrap_or_else(|_| Err(Failure::new(Kind::Timeout, "the body did not arrive in time")))
}

fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(target(parts)).chain_update(body).finalize().into()
}

/// Method and path of a request, in a line: what the fingerprint covers besides the body.
pub(crate) fn target(parts: &Parts) -> String {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    format!("{} {target}\n", parts.method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn a_client_that_accepts_no_json_is_refused() {
        for accepted in ["*/*", "text/html, application/json;q=0.5", "application/*", "APPLICATION/JSON"] {
            assert!(accepts_json(&headers(accepted)).is_ok(), "{accepted}");
        }
        for refused in ["text/html", "application/json;q=0", "application/xml, text/*"] {
            assert!(accepts_json(&headers(refused)).is_err(), "{refused}");
        }
        assert!(accepts_json(&HeaderMap::new()).is_ok());
    }
}
