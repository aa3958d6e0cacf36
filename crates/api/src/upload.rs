//! The body of an uploaded list: written to a temporary file while it arrives.
//!
//! **Invariant.** Memory does not grow with the list. A list that is too long is refused before it is read, if its length is
//! announced, and at the limit otherwise.

use std::fs::File;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use control::{Caller, Error, Idempotency, List, ListOptions, Problem, Spool, SpoolError};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
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
    /// The list, rewound.
    file: File,
    /// Where temporary files are.
    spool: Spool,
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
            return Err(too_long(most));
        }
        let spool = api.control.spool();
        let write = write(self.body, &spool, most, Sha256::new_with_prefix(&self.target));
        let written = tokio::time::timeout(api.upload_timeout(), write).await;
        let (file, fingerprint) = written
            .map_err(|_| Failure::new(Kind::Timeout, "the list did not arrive in time; upload it again"))??;
        let idempotency = self.key.map(|key| Idempotency { key, fingerprint });
        Ok(Arrived { caller: Caller { idempotency, ..self.caller }, file, spool, _permit: permit })
    }
}

impl Arrived<'_> {
    /// Detects the format of the list. `name` is its name in reports.
    pub(crate) async fn open(
        self,
        name: Option<&str>,
        options: ListOptions,
    ) -> Result<(Caller, List), Failure> {
        let Self { caller, file, spool, _permit } = self;
        let (name, options) =
            (control::file_name(name.unwrap_or_default()), ListOptions { spool, ..options });
        let opened = tokio::task::spawn_blocking(move || {
            List::of_file(file, name.clone(), &options).map_err(|error| Error::of_list(name, error))
        });
        Ok((caller, opened.await.map_err(|error| Failure::internal(&error))??))
    }
}

async fn write(body: Body, spool: &Spool, most: u64, mut hash: Sha256) -> Result<(File, [u8; 32]), Failure> {
    let mut file = tokio::fs::File::from_std(spool.file().map_err(|error| no_space(&error))?);
    let failed = |error| no_space(&spool.unwritable(error));
    let (mut chunks, mut bytes) = (body.into_data_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Failure::of(
                Problem::InvalidBody,
                "the connection ended before the list was complete; upload it again",
            )
        })?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(too_long(most));
        }
        spool.take(chunk.len()).map_err(|error| no_space(&error))?;
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.rewind().await.map_err(failed)?;
    Ok((file.into_std().await, hash.finalize().into()))
}

fn too_long(most: u64) -> Failure {
    Failure::of(Problem::TooLarge, format!("the list is longer than {most} bytes; split it"))
}

/// The temporary folder has no space.
pub(crate) fn no_space(error: &SpoolError) -> Failure {
    Failure::of(Problem::Unavailable, format!("{error}; nothing was imported"))
}
