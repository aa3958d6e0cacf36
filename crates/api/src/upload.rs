//! The body of an uploaded list: written to a temporary file while it arrives.
//!
//! **Invariant.** Memory does not grow with the list. A list that is too long is refused before it is read, if its length is
//! announced, and at the limit otherwise.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use control::{ArrivedList, ArrivingList, Caller, Idempotency, List, ListOptions, Problem, too_long};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::SemaphorePermit;

use crate::admission::Api;
use crate::body::{accepts_json, caller, idempotency_key, target};
use crate::problem::{Failure, Kind};

/// A request whose body is a list that is not read yet.
pub(crate) struct Upload {
    pub(crate) caller: Caller,
    key: Option<String>,
    target: String,
    body: Body,
}

/// A list that has arrived.
pub(crate) struct Arrived<'a> {
    /// The caller, with the key and the fingerprint of the request.
    caller: Caller,
    list: ArrivedList,
    /// Limits the lists that arrive or are opened at the same time.
    _permit: SemaphorePermit<'a>,
}

impl FromRequest<Arc<Api>> for Upload {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<Api>) -> Result<Self, Failure> {
        let (parts, body): (Parts, Body) = request.into_parts();
        accepts_json(&parts.headers)?;
        let (caller, key) = (caller(&parts)?, idempotency_key(&parts)?);
        Ok(Self { caller, key, target: target(&parts), body })
    }
}

impl Upload {
    /// Writes the list to a temporary file.
    pub(crate) async fn arrive(self, api: &Api) -> Result<Arrived<'_>, Failure> {
        let permit = api.uploads.try_acquire().map_err(|_| {
            Failure::of(Problem::Unavailable, "other lists are being uploaded; try again in a minute")
                .retry_after(60)
        })?;
        let most = api.max_list_bytes();
        if self.body.size_hint().lower() > most {
            return Err(too_long(most).into());
        }
        let list = api.control.arriving_list(most)?;
        let write = write(self.body, list, Sha256::new_with_prefix(&self.target));
        let written = tokio::time::timeout(api.upload_timeout(), write).await;
        let (list, fingerprint) = written
            .map_err(|_| Failure::new(Kind::Timeout, "the list did not arrive in time; upload it again"))??;
        let idempotency = self.key.map(|key| Idempotency { key, fingerprint });
        Ok(Arrived { caller: Caller { idempotency, ..self.caller }, list, _permit: permit })
    }
}

impl Arrived<'_> {
    /// Detects the format of the list. `name` is its name in reports.
    pub(crate) async fn open(
        self,
        name: Option<&str>,
        options: ListOptions,
    ) -> Result<(Caller, List), Failure> {
        let Self { caller, list, _permit } = self;
        Ok((caller, list.open(name.unwrap_or_default(), options).await?))
    }
}

async fn write(
    body: Body,
    mut list: ArrivingList,
    mut hash: Sha256,
) -> Result<(ArrivedList, [u8; 32]), Failure> {
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Failure::of(
                Problem::InvalidBody,
                "the connection ended before the list was complete; upload it again",
            )
        })?;
        list.add(&chunk).await?;
        hash.update(&chunk);
    }
    Ok((list.finish().await?, hash.finalize().into()))
}
