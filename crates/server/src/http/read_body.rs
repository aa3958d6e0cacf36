//! Reading the body of a webhook request within the limits of length, memory and time.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::Instant;

use crate::http::body_memory::ArrivingBody;

/// The maximum number of bytes that are allocated ahead of the received ones.
const MAX_ALLOCATED_AHEAD: usize = 64 * 1024;

/// The reason why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// The body is longer than the limit.
    TooLong,
    /// The connection ended before the body was complete.
    Incomplete,
    /// The body was not received within the time limit.
    TooSlow,
    /// The memory for bodies is used up.
    OutOfMemory,
}

impl BodyError {
    /// The status of the answer, and the kind under which the refusal is counted.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "broken_off"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::OutOfMemory => (StatusCode::SERVICE_UNAVAILABLE, "overload"),
        }
    }
}

/// Reads a body of at most `max_bytes` bytes. Its memory is reserved from `arriving` as its bytes arrive.
pub(crate) async fn read(
    body: Body,
    arriving: &ArrivingBody,
    max_bytes: usize,
    within: Duration,
) -> Result<Bytes, BodyError> {
    tokio::select! {
        biased;
        () = arriving.evicted() => Err(BodyError::OutOfMemory),
        read = tokio::time::timeout(within, collect(body, arriving, max_bytes)) => read.unwrap_or(Err(BodyError::TooSlow)),
    }
}

async fn collect(body: Body, arriving: &ArrivingBody, max_bytes: usize) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(BodyError::TooLong);
    }
    let (mut chunks, mut all) = (body.into_data_stream(), Vec::<u8>::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        if chunk.len() > max_bytes - all.len() {
            return Err(BodyError::TooLong);
        }
        let free = all.capacity() - all.len();
        if chunk.len() > free {
            // The reserved memory is what is allocated, not what was received.
            let more = chunk.len().max(all.len().min(MAX_ALLOCATED_AHEAD));
            arriving.reserve(more - free, Instant::now()).map_err(|_| BodyError::OutOfMemory)?;
            all.reserve_exact(more);
        }
        // The bytes are copied, because a chunk keeps the larger buffer of the connection alive, whose memory is not reserved.
        all.extend_from_slice(&chunk);
    }
    Ok(all.into_boxed_slice().into())
}
