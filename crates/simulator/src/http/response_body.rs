//! The body of an answer: complete, aborted after half, byte by byte, or padded.
//!
//! Invariant: the announced content length is the length of the body without an abort.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::http::connection_state::InFlight;

/// The padding is sent in pieces of this size.
static SPACES: [u8; 65_536] = [b' '; 65_536];

/// A body that is being sent; the request is in flight until it is dropped.
pub(crate) struct ResponseBody {
    bytes: Bytes,
    mode: BodyMode,
    _in_flight: Option<InFlight>,
}

/// The way a body is sent.
pub(crate) enum BodyMode {
    Whole,
    /// Half of the body, then an error that closes the connection.
    Half(HalfBody),
    Drip(Pin<Box<Sleep>>, Duration),
    /// The body followed by this number of spaces.
    Padded(u64),
}

/// The progress of a body that is aborted after half.
#[derive(Clone, Copy, Default)]
pub(crate) enum HalfBody {
    #[default]
    Nothing,
    /// The half is handed over; one more poll lets it reach the socket.
    Sent,
    Flushed,
}

/// The error that aborts an answer on purpose.
#[derive(Debug)]
pub(crate) struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was aborted on purpose")
    }
}

impl std::error::Error for Aborted {}

impl ResponseBody {
    pub(crate) fn new(bytes: Bytes, mode: BodyMode, in_flight: Option<InFlight>) -> Self {
        Self { bytes, mode, _in_flight: in_flight }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::new(bytes, BodyMode::Whole, None)
    }
}

impl BodyMode {
    pub(crate) fn drip(every: Duration) -> Self {
        Self::Drip(Box::pin(tokio::time::sleep(every)), every)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let reply = self.get_mut();
        let some = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        match &mut reply.mode {
            BodyMode::Half(done) => match done {
                HalfBody::Nothing => {
                    *done = HalfBody::Sent;
                    some(reply.bytes.slice(..reply.bytes.len() / 2))
                }
                HalfBody::Sent => {
                    *done = HalfBody::Flushed;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                HalfBody::Flushed => Poll::Ready(Some(Err(Aborted))),
            },
            BodyMode::Drip(pause, every) if !reply.bytes.is_empty() => {
                ready!(pause.as_mut().poll(cx));
                pause.as_mut().reset(tokio::time::Instant::now() + *every);
                some(reply.bytes.split_to(1))
            }
            BodyMode::Padded(spaces) if reply.bytes.is_empty() && *spaces > 0 => {
                let piece = usize::try_from(*spaces).unwrap_or(usize::MAX).min(SPACES.len());
                *spaces = spaces.saturating_sub(u64::try_from(piece).unwrap_or(u64::MAX));
                some(Bytes::from_static(SPACES.get(..piece).unwrap_or_default()))
            }
            _ if reply.bytes.is_empty() => Poll::Ready(None),
            _ => some(std::mem::take(&mut reply.bytes)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.mode {
            BodyMode::Whole | BodyMode::Drip(..) => self.bytes.is_empty(),
            BodyMode::Padded(spaces) => self.bytes.is_empty() && spaces == 0,
            BodyMode::Half(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let padding = if let BodyMode::Padded(spaces) = self.mode { spaces } else { 0 };
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_add(padding))
    }
}
