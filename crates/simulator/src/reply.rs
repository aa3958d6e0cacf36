//! The body of an answer: whole, cut in half, byte by byte, or far too long.
//!
//! Invariant: the length it announces is the length it would have if nothing went wrong.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::connection::Flight;

/// The size of the pieces that a far too long body is sent in.
static SPACES: [u8; 65_536] = [b' '; 65_536];

/// A body on its way; the request is in flight until it is dropped.
pub(crate) struct Reply {
    bytes: Bytes,
    manner: Manner,
    _flight: Option<Flight>,
}

/// How a body is sent.
pub(crate) enum Manner {
    Whole,
    /// Half of it, and then an error, which closes the connection.
    Half(HalfDone),
    Drip(Pin<Box<Sleep>>, Duration),
    /// So many spaces behind it.
    Padded(u64),
}

/// How far half a body has come.
#[derive(Clone, Copy, Default)]
pub(crate) enum HalfDone {
    #[default]
    Nothing,
    /// The half is handed over, and gets one turn to reach the socket.
    Sent,
    Flushed,
}

/// The error that breaks an answer off on purpose.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was broken off on purpose")
    }
}

impl std::error::Error for Broken {}

impl Reply {
    pub(crate) fn new(bytes: Bytes, manner: Manner, flight: Option<Flight>) -> Self {
        Self { bytes, manner, _flight: flight }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::new(bytes, Manner::Whole, None)
    }
}

impl Manner {
    pub(crate) fn drip(every: Duration) -> Self {
        Self::Drip(Box::pin(tokio::time::sleep(every)), every)
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let reply = self.get_mut();
        let some = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        match &mut reply.manner {
            Manner::Half(done) => match done {
                HalfDone::Nothing => {
                    *done = HalfDone::Sent;
                    some(reply.bytes.slice(..reply.bytes.len() / 2))
                }
                HalfDone::Sent => {
                    *done = HalfDone::Flushed;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                HalfDone::Flushed => Poll::Ready(Some(Err(Broken))),
            },
            Manner::Drip(pause, every) if !reply.bytes.is_empty() => {
                ready!(pause.as_mut().poll(cx));
                pause.as_mut().reset(tokio::time::Instant::now() + *every);
                some(reply.bytes.split_to(1))
            }
            Manner::Padded(spaces) if reply.bytes.is_empty() && *spaces > 0 => {
                let piece = usize::try_from(*spaces).unwrap_or(usize::MAX).min(SPACES.len());
                *spaces = spaces.saturating_sub(u64::try_from(piece).unwrap_or(u64::MAX));
                some(Bytes::from_static(SPACES.get(..piece).unwrap_or_default()))
            }
            _ if reply.bytes.is_empty() => Poll::Ready(None),
            _ => some(std::mem::take(&mut reply.bytes)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.manner {
            Manner::Whole | Manner::Drip(..) => self.bytes.is_empty(),
            Manner::Padded(spaces) => self.bytes.is_empty() && spaces == 0,
            Manner::Half(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let padding = if let Manner::Padded(spaces) = self.manner { spaces } else { 0 };
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_add(padding))
    }
}
