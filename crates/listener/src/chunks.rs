//! Bodies that are written by a thread while the client reads them.
//!
//! **Invariant.** Memory does not grow with the body: a thread that is faster than the client waits.

use std::io::{Error, ErrorKind, Result, Write};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The length of a chunk in bytes.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for the client.
const WAITING: usize = 4;

/// A part of a body, or the reason why it cannot be completed.
pub type Chunk = Result<Bytes>;

/// Writes to the client. Dropping it completes the body, unless [`ChunkWriter::fail`] was called.
pub struct ChunkWriter {
    chunks: Sender<Chunk>,
    buffer: BytesMut,
}

/// A writer, and the chunks that it writes.
pub fn chunks() -> (ChunkWriter, Receiver<Chunk>) {
    let (chunks, waiting) = channel(WAITING);
    (ChunkWriter { chunks, buffer: BytesMut::with_capacity(2 * CHUNK) }, waiting)
}

impl ChunkWriter {
    /// Another writer to the same client, to tell it of an error.
    #[must_use]
    pub fn other(&self) -> Self {
        Self { chunks: self.chunks.clone(), buffer: BytesMut::new() }
    }

    /// Breaks the connection, so that a truncated body does not look complete.
    pub fn fail(self, reason: &dyn std::fmt::Display) {
        drop(futures::executor::block_on(self.chunks.send(Err(Error::other(reason.to_string())))));
    }

    fn send(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        // Not `blocking_send`: the thread may drive a future.
        let sent = futures::executor::block_on(self.chunks.send(Ok(chunk)));
        sent.map_err(|_| Error::from(ErrorKind::BrokenPipe))
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.send()
    }
}
