//! The body of an upload: the list itself, or a form (`multipart/form-data`) with the list as its only file.
//!
//! **Invariants.** Memory does not grow with the list. The parts of a form besides the list are bounded: [`MAX_BETWEEN`].

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::{Stream, StreamExt};
use multer::Multipart;
use producer::{Spool, SpoolError};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::http::content_coding::ContentCoding;
use crate::upload::refusal::{Refusal, no_space};

/// The maximum number of bytes in a form between two chunks of its file.
const MAX_BETWEEN: usize = 256 * 1024;
/// The number of bytes at the start of a body that are inspected.
const INSPECTED: usize = 4096;

/// The format of the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// The body is the list.
    Body,
    /// The body is the list, but the content type is that of a web form, as `curl --data-binary` and `curl -d` send it.
    Urlencoded,
    /// The list is a file in a form with this boundary.
    Multipart(String),
}

impl BodyFormat {
    /// The format according to the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        // A list in gzip is detected by its content.
        if !matches!(ContentCoding::of(headers), Some(ContentCoding::Identity | ContentCoding::Gzip)) {
            return Err(unsupported(
                "this Content-Encoding is not supported; send the list uncompressed or with gzip",
            ));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Ok(Self::Urlencoded),
            "multipart/form-data" => {
                multer::parse_boundary(kind).map(Self::Multipart).map_err(|_| invalid_form())
            }
            kind if kind.starts_with("multipart/") => Err(unsupported(
                "of the multipart types, only multipart/form-data is supported; send the file itself as the body: curl --data-binary \
                 @list.csv",
            )),
            _ => Ok(Self::Body),
        }
    }
}

/// Writes the list to a file. Returns the file, rewound, and its name in a form.
pub(crate) async fn spool(
    body: Body,
    form: BodyFormat,
    spool: &Spool,
    max_bytes: u64,
) -> Result<(File, Option<String>), Refusal> {
    let mut list = SpooledList::new(spool, max_bytes)?;
    let is_urlencoded = form == BodyFormat::Urlencoded;
    let name = match form {
        BodyFormat::Multipart(boundary) => spool_form_file(body, boundary, &mut list).await?,
        BodyFormat::Body | BodyFormat::Urlencoded => {
            let mut chunks = body.into_data_stream();
            while let Some(chunk) = chunks.next().await {
                list.write(&chunk.map_err(|_| incomplete())?).await?;
            }
            None
        }
    };
    if is_urlencoded && is_one_line(&list.start) {
        return Err(unsupported(
            "the body is a web form, or a list whose line breaks 'curl -d' removed; send the file itself as the body: curl \
             --data-binary @list.csv",
        ));
    }
    Ok((list.into_rewound_file().await?, name))
}

/// Writes the file of a form, and returns its name. Options are query parameters, so a form has no other field.
async fn spool_form_file(
    body: Body,
    boundary: String,
    list: &mut SpooledList<'_>,
) -> Result<Option<String>, Refusal> {
    let between = Arc::new(AtomicUsize::new(0));
    let mut form = Multipart::new(bounded(body, Arc::clone(&between)), boundary);
    let mut name = None;
    while let Some(mut field) = form.next_field().await.map_err(|error| form_error(&error))? {
        let Some(file_name) = field.file_name() else {
            let field: String = field.name().unwrap_or_default().chars().take(40).collect();
            return Err((
                StatusCode::BAD_REQUEST,
                format!(
                    "the field {field:?} of the form is not a file; send the list as a file, and options as query parameters, such as \
                     ?default_country=KE: curl -F file=@list.csv"
                ),
            ));
        };
        if name.replace(file_name.to_owned()).is_some() {
            return Err((StatusCode::BAD_REQUEST, "the form has two files; send one list per upload".into()));
        }
        while let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
            between.store(0, Ordering::Relaxed);
            list.write(&chunk).await?;
        }
    }
    match name {
        None => Err((StatusCode::BAD_REQUEST, "the form has no file: curl -F file=@list.csv".into())),
        name => Ok(name),
    }
}

/// The chunks of a body. The stream fails if more than [`MAX_BETWEEN`] bytes arrive before `between` is reset to 0, because the
/// parser keeps the header of a part in memory, whatever its length.
fn bounded(
    body: Body,
    between: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<bytes::Bytes, axum::Error>> + Send + 'static {
    // multer 3.1 reports a form as incomplete if its first chunk and its end arrive in one poll; an empty chunk separates them.
    let end = futures::stream::once(async { Ok(bytes::Bytes::new()) });
    body.into_data_stream().chain(end).then(move |chunk| {
        let bytes = chunk.as_ref().map_or(0, bytes::Bytes::len);
        let is_too_many = between.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_BETWEEN;
        async move {
            // The parser reads all chunks that are ready before it returns one of them; yielding gives it one at a time.
            tokio::task::yield_now().await;
            if is_too_many { Err(axum::Error::new(TooManyBytes)) } else { chunk }
        }
    })
}

/// A form has too many bytes outside of its file.
#[derive(Debug)]
struct TooManyBytes;

impl std::fmt::Display for TooManyBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the form has too many bytes outside of its file")
    }
}

impl std::error::Error for TooManyBytes {}

/// Whether the start of a body is text without a line break, and not an object of JSON Lines.
fn is_one_line(start: &[u8]) -> bool {
    !start.is_empty() && start.first() != Some(&b'{') && !start.iter().any(u8::is_ascii_control)
}

/// A list that is being written to a file.
struct SpooledList<'a> {
    file: tokio::fs::File,
    spool: &'a Spool,
    start: Vec<u8>,
    bytes: u64,
    max_bytes: u64,
}

impl<'a> SpooledList<'a> {
    fn new(spool: &'a Spool, max_bytes: u64) -> Result<Self, Refusal> {
        let file = tokio::fs::File::from_std(spool.file().map_err(|error| no_space(&error))?);
        Ok(Self { file, spool, start: Vec::new(), bytes: 0, max_bytes })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.max_bytes {
            let text = format!("the list is longer than {} bytes; split it", self.max_bytes);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        self.start.extend_from_slice(
            chunk.get(..chunk.len().min(INSPECTED - self.start.len())).unwrap_or_default(),
        );
        self.spool.take(chunk.len()).map_err(|error| no_space(&error))?;
        self.file.write_all(chunk).await.map_err(|error| self.failed(error))
    }

    async fn into_rewound_file(mut self) -> Result<File, Refusal> {
        self.file.flush().await.map_err(|error| self.failed(error))?;
        self.file.rewind().await.map_err(|error| self.failed(error))?;
        Ok(self.file.into_std().await)
    }

    fn failed(&self, error: std::io::Error) -> Refusal {
        let error: SpoolError = self.spool.unwritable(error);
        no_space(&error)
    }
}

fn unsupported(text: &str) -> Refusal {
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, text.into())
}

fn incomplete() -> Refusal {
    (StatusCode::BAD_REQUEST, "the list is incomplete, because the connection ended; send it again".into())
}

fn invalid_form() -> Refusal {
    let text = "the body is not the multipart/form-data that its Content-Type announces; send the file itself as the body: curl \
                --data-binary @list.csv";
    (StatusCode::BAD_REQUEST, text.into())
}

fn form_error(error: &multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteFieldData { .. } => incomplete(),
        _ => invalid_form(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_a_body_is_read_from_the_headers() {
        let of = |name: header::HeaderName, value: &str| {
            BodyFormat::of(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
                .map_err(|(status, _)| status.as_u16())
        };
        assert_eq!(BodyFormat::of(&HeaderMap::new()).ok(), Some(BodyFormat::Body));
        for (value, expected) in [
            ("text/csv", Ok(BodyFormat::Body)),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", Ok(BodyFormat::Urlencoded)),
            ("multipart/form-data; boundary=\"a b\"", Ok(BodyFormat::Multipart("a b".into()))),
            ("multipart/form-data", Err(400)),
            ("multipart/mixed; boundary=a", Err(415)),
        ] {
            assert_eq!(of(header::CONTENT_TYPE, value), expected, "{value}");
        }
        assert_eq!(of(header::CONTENT_ENCODING, "gzip"), Ok(BodyFormat::Body));
        assert_eq!(of(header::CONTENT_ENCODING, "br"), Err(415));
    }

    #[test]
    fn a_body_without_line_breaks_is_detected() {
        assert!(is_one_line(b"phone,name254712000001,Ann") && is_one_line(b"list=a&country=KE"));
        for other in
            [&b"phone\n254712000001"[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"{\"phone\":\"254\"}", b""]
        {
            assert!(!is_one_line(other), "{other:?}");
        }
    }
}
