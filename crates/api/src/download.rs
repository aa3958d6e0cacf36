//! Lists that are written while they are downloaded.
//!
//! **Invariants.** Memory does not grow with the list. If the list cannot be completed, the connection is closed without the
//! last chunk, so that a truncated list does not look complete.

use std::io::{Error as IoError, ErrorKind, Write};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use bytes::{Bytes, BytesMut};
use campaign::CampaignId;
use control::{Caller, Control, Export, ExportError, ExportFormat};
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::problem::Failure;

/// The length of a chunk in bytes.
const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for the client.
const WAITING: usize = 4;

type Chunk = Result<Bytes, IoError>;

/// Writes to the client. The thread waits while the client is slow.
struct ChunkWriter {
    chunks: Sender<Chunk>,
    buffer: BytesMut,
}

impl ChunkWriter {
    fn send(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        // Not `blocking_send`: the thread drives the future of the export.
        let sent = futures::executor::block_on(self.chunks.send(Ok(chunk)));
        sent.map_err(|_| IoError::from(ErrorKind::BrokenPipe))
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.send()
    }
}

/// The answer with recipients of a campaign as a file.
pub(crate) async fn recipients(
    control: &Control,
    caller: Caller,
    id: CampaignId,
    export: Export,
) -> Result<Response<Body>, Failure> {
    let (chunks, mut waiting) = channel(WAITING);
    let (control, runtime) = (control.clone(), Handle::current());
    let writing = tokio::task::spawn_blocking(move || {
        let out = ChunkWriter { chunks: chunks.clone(), buffer: BytesMut::with_capacity(2 * CHUNK) };
        let written = runtime.block_on(Box::pin(control.export(&caller, id, export, out)));
        if let Err(error) = &written {
            // The client sees a broken connection; if no chunk was sent yet, it gets the problem below.
            let broken = IoError::other(error.to_string());
            drop(futures::executor::block_on(chunks.send(Err(broken))));
        }
        written
    });
    match waiting.recv().await {
        Some(Ok(first)) => Ok(answer(first, waiting, id, export.format)),
        Some(Err(_)) | None => match writing.await {
            Ok(Ok(_)) => Ok(answer(Bytes::new(), waiting, id, export.format)),
            Ok(Err(ExportError::Action(error))) => Err(error.into()),
            Ok(Err(ExportError::Write(error))) => Err(Failure::internal(&error)),
            Err(error) => Err(Failure::internal(&error)),
        },
    }
}

fn answer(first: Bytes, rest: Receiver<Chunk>, id: CampaignId, format: ExportFormat) -> Response<Body> {
    let rest = futures::stream::unfold(rest, |mut rest| async move { Some((rest.recv().await?, rest)) });
    let first = futures::stream::once(async { Ok(first) });
    let mut response = Response::new(Body::from_stream(first.chain(rest)));
    let (kind, extension) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"campaign-{id}.{extension}\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
