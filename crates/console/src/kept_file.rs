//! Files that were written before, such as a list with its errors.

use std::fs::File;
use std::io::Error as IoError;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use crate::failure::Failure;

/// The length of a chunk in bytes.
const CHUNK: usize = 64 * 1024;

/// The answer with a CSV file. Memory does not grow with the file.
pub(crate) fn csv(file: Arc<File>, name: &str) -> Result<Response, Failure> {
    let length = file.metadata().map_err(|_| Failure::of_status(StatusCode::INTERNAL_SERVER_ERROR))?.len();
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
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
