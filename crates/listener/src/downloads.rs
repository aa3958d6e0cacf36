//! Answers that are files to keep.

use std::fs::File;
use std::io::{Error, Result};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc::Receiver;

use crate::chunks::{CHUNK, Chunk};

/// The media type of CSV.
pub const CSV: &str = "text/csv; charset=utf-8";
/// The media type of Excel workbooks.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A file that is written while it is downloaded: its first chunk, and the rest. `name`: ASCII without quotation marks.
pub fn written(first: Bytes, mut rest: Receiver<Chunk>, kind: &'static str, name: &str) -> Response<Body> {
    // A body that is compressed is polled again after its end; `unfold` would panic.
    let rest = futures::stream::poll_fn(move |context| rest.poll_recv(context));
    let first = futures::stream::once(async { Ok(first) });
    file(Body::from_stream(first.chain(rest)), kind, name)
}

/// A file that is complete. Memory does not grow with it.
pub fn complete(source: Arc<File>, kind: &'static str, name: &str) -> Result<Response<Body>> {
    let length = source.metadata()?.len();
    let blocks = futures::stream::try_unfold((source, 0), move |(source, offset)| async move {
        let left = usize::try_from(length - offset).unwrap_or(CHUNK).min(CHUNK);
        if left == 0 {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut block = vec![0; left];
            source.read_exact_at(&mut block, offset).map(|()| (source, block))
        });
        let (source, block) = reading.await.map_err(Error::other)??;
        Ok::<_, Error>(Some((Bytes::from(block), (source, offset + left as u64))))
    });
    let mut response = file(Body::from_stream(blocks), kind, name);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn file(body: Body, kind: &'static str, name: &str) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
