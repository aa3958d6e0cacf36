//! Reading the body of a post within its limits of bytes, memory and time.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::Instant;

use crate::memory::Arrival;

/// Most bytes that are allocated ahead of those that arrived.
const GROWTH: usize = 64 * 1024;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRead {
    /// It is longer than a body may be.
    TooLong,
    /// The connection ended before the body did.
    BrokenOff,
    /// It did not arrive in time.
    TooSlow,
    /// There is no memory for it now.
    Full,
}

impl NotRead {
    /// The answer, and the word by which such answers are counted.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::BrokenOff => (StatusCode::BAD_REQUEST, "broken_off"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "overload"),
        }
    }
}

/// Reads a body of at most `most` bytes. Its memory is taken from `arrival` as its bytes arrive.
pub(crate) async fn read(
    body: Body,
    arrival: &Arrival,
    most: usize,
    within: Duration,
) -> Result<Bytes, NotRead> {
    tokio::select! {
        biased;
        () = arrival.evicted() => Err(NotRead::Full),
        read = tokio::time::timeout(within, collect(body, arrival, most)) => read.unwrap_or(Err(NotRead::TooSlow)),
    }
}

async fn collect(body: Body, arrival: &Arrival, most: usize) -> Result<Bytes, NotRead> {
    if body.size_hint().lower() > most as u64 {
        return Err(NotRead::TooLong);
    }
    let (mut chunks, mut all) = (body.into_data_stream(), Vec::<u8>::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| NotRead::BrokenOff)?;
        if chunk.len() > most - all.len() {
            return Err(NotRead::TooLong);
        }
        let free = all.capacity() - all.len();
        if chunk.len() > free {
            // What is counted is what is allocated.
            let more = chunk.len().max(all.len().min(GROWTH));
            arrival.take(more - free, Instant::now()).map_err(|_| NotRead::Full)?;
            all.reserve_exact(more);
        }
        // A chunk shares the connection's buffer, which is larger and is not counted, so its bytes are copied.
        all.extend_from_slice(&chunk);
    }
    Ok(all.into_boxed_slice().into())
}
