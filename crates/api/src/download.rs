//! Lists that are written while they are downloaded.
//!
//! **Invariants.** Memory does not grow with the list. If the list cannot be completed, the connection is closed without the
//! last chunk, so that a truncated list does not look complete.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response};
use bytes::Bytes;
use campaign::CampaignId;
use control::{Caller, Control, Export, ExportError, ExportFormat};
use listener::chunks::{Chunk, chunks};
use listener::downloads;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use crate::problem::Failure;

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
    let (kind, extension) = match format {
        ExportFormat::Csv => (downloads::CSV, "csv"),
        ExportFormat::Xlsx => (downloads::XLSX, "xlsx"),
    };
    let mut response = downloads::written(first, rest, kind, &format!("campaign-{id}.{extension}"));
    if let Some(warning) = warning.and_then(|warning| HeaderValue::from_str(warning).ok()) {
        response.headers_mut().insert(WARNING, warning);
    }
    response
}
