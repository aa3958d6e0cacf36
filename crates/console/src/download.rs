//! Files that are written while they are downloaded, at any size.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use listener::chunks::{ChunkWriter, chunks};

use crate::failure::Failure;

/// The media type of CSV.
pub(crate) const CSV: &str = "text/csv; charset=utf-8";
/// The media type of Excel workbooks.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A file to download.
pub(crate) struct File {
    /// The name: ASCII without quotation marks.
    pub(crate) name: String,
    pub(crate) mime: &'static str,
}

/// Answers with what `write` writes. An error before the first byte is answered as a page; a later one breaks the connection, so
/// that a truncated file does not look complete.
pub(crate) async fn answer(
    file: File,
    write: impl FnOnce(ChunkWriter) -> Result<(), Failure> + Send + 'static,
) -> Result<Response, Failure> {
    let (out, mut waiting) = chunks();
    let other = out.other();
    let writing = tokio::task::spawn_blocking(move || {
        let written = write(out);
        if let Err(failure) = &written {
            other.fail(&failure.text);
        }
        written
    });
    let first = match waiting.recv().await {
        Some(Ok(first)) => first,
        Some(Err(_)) | None => match writing.await {
            Ok(Ok(())) => Bytes::new(),
            Ok(Err(failure)) => return Err(failure),
            Err(_) => return Err(Failure::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR)),
        },
    };
    let rest = futures::stream::unfold(waiting, |mut rest| async move { Some((rest.recv().await?, rest)) });
    let first = futures::stream::once(async { Ok(first) });
    let mut response = Response::new(Body::from_stream(first.chain(rest)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.mime));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file.name)) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
