//! Lists that are written while they are downloaded.
//!
//! **Invariants.** Memory does not grow with the list. If the list cannot be completed, the connection is closed without the
//! last chunk, so that a truncated list does not look complete.

use std::fs::File;
use std::io::Error as IoError;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use bytes::Bytes;
use campaign::CampaignId;
use control::{Caller, Control, Export, ExportError, ExportFormat};
use futures::StreamExt;
use listener::chunks::{Chunk, chunks};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use crate::problem::Failure;

/// The length of a chunk of a complete file in bytes.
const CHUNK: usize = 64 * 1024;

/// The header with a warning about the list, for the person who imports it again.
const WARNING: HeaderName = HeaderName::from_static("flowcast-warning");

/// The answer with recipients of a campaign as a file.
pub(crate) async fn recipients(
    control: &Control,
    caller: Caller,
    id: CampaignId,
    export: Export,
) -> Result<Response<Body>, Failure> {
    let (out, mut waiting) = chunks();
    let other = out.other();
    let (begun, warning) = oneshot::channel();
    let (control, runtime) = (control.clone(), Handle::current());
    let writing = tokio::task::spawn_blocking(move || {
        let begins = |warning: Option<&str>| drop(begun.send(warning.map(str::to_owned)));
        let written = runtime.block_on(Box::pin(control.export_with(&caller, id, export, (out, begins))));
        if let Err(error) = &written {
            // The client sees a broken connection; if no chunk was sent yet, it gets the problem below.
            other.fail(error);
        }
        written
    });
    let first = waiting.recv().await;
    let warning = warning.await.ok().flatten();
    let answer = |first, waiting| answer((first, waiting), id, export.format, warning.as_deref());
    match first {
        Some(Ok(first)) => Ok(answer(first, waiting)),
        Some(Err(_)) | None => match writing.await {
            Ok(Ok(_)) => Ok(answer(Bytes::new(), waiting)),
            Ok(Err(ExportError::Action(error))) => Err(error.into()),
            Ok(Err(ExportError::Write(error))) => Err(Failure::internal(&error)),
            Err(error) => Err(Failure::internal(&error)),
        },
    }
}

fn answer(
    (first, rest): (Bytes, Receiver<Chunk>),
    id: CampaignId,
    format: ExportFormat,
    warning: Option<&str>,
) -> Response<Body> {
    let rest = futures::stream::unfold(rest, |mut rest| async move { Some((rest.recv().await?, rest)) });
    let first = futures::stream::once(async { Ok(first) });
    let mut response = Response::new(Body::from_stream(first.chain(rest)));
    let (kind, extension) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    };
    let headers = response.headers_mut();
    describe(headers, kind, &format!("campaign-{id}.{extension}"));
    if let Some(warning) = warning.and_then(|warning| HeaderValue::from_str(warning).ok()) {
        headers.insert(WARNING, warning);
    }
    response
}

/// The answer with a file that is complete.
pub(crate) fn file(file: Arc<File>, name: &str) -> Result<Response<Body>, Failure> {
    let length = file.metadata().map_err(|error| Failure::internal(&error))?.len();
    let blocks = futures::stream::try_unfold((file, 0), move |(file, offset)| async move {
        let left = usize::try_from(length - offset).unwrap_or(CHUNK).min(CHUNK);
        if left == 0 {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut block = vec![0; left];
            file.read_exact_at(&mut block, offset).map(|()| (file, block))
        });
        let (file, block) = reading.await.map_err(IoError::other)??;
        Ok::<_, IoError>(Some((Bytes::from(block), (file, offset + left as u64))))
    });
    let mut response = Response::new(Body::from_stream(blocks));
    describe(response.headers_mut(), "text/csv; charset=utf-8", name);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn describe(headers: &mut HeaderMap, kind: &'static str, name: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
}
