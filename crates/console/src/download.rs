//! Files that are written while they are downloaded, at any size.

use axum::response::Response;
use bytes::Bytes;
use listener::chunks::{ChunkWriter, chunks};
use listener::downloads;

use crate::failure::Failure;

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
    Ok(downloads::written(first, waiting, file.mime, &file.name))
}
