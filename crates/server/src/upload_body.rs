//! The body of an upload: the list itself, or a form (`multipart/form-data`) with the list as its one file.
//!
//! **Invariants.** Memory does not grow with the list. What a form holds besides the list is bounded: [`MOST_BETWEEN`].

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::{Stream, StreamExt};
use multer::Multipart;
use producer::{Spool, SpoolError};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::content_coding::ContentCoding;
use crate::uploads::{Refusal, no_space};

/// Most bytes of a form between two pieces of its file.
const MOST_BETWEEN: usize = 256 * 1024;
/// The beginning of a body that is looked at, in bytes.
const LOOKED_AT: usize = 4096;

/// How a list is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The body is the list.
    Body,
    /// The body is the list, but the client says that it is a web form: `curl --data-binary` does, and so does `curl -d`.
    Urlencoded,
    /// The list is a file of a form whose parts this boundary divides.
    Multipart(String),
}

impl Form {
    /// What these headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        // A list that is packed with gzip is known by its content.
        if !matches!(ContentCoding::of(headers), Some(ContentCoding::Identity | ContentCoding::Gzip)) {
            return Err(unsupported(
                "the Content-Encoding is not known here; send the list plain or gzip'ed",
            ));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Ok(Self::Urlencoded),
            "multipart/form-data" => multer::parse_boundary(kind).map(Self::Multipart).map_err(|_| no_form()),
            kind if kind.starts_with("multipart/") => Err(unsupported(
                "of the multipart types only multipart/form-data is read; send the file itself as the body: curl --data-binary \
                 @list.csv",
            )),
            _ => Ok(Self::Body),
        }
    }
}

/// Puts the list into a file; returns it at its beginning, and the name that a form gives it.
pub(crate) async fn spool(
    body: Body,
    form: Form,
    spool: &Spool,
    most: u64,
) -> Result<(File, Option<String>), Refusal> {
    let mut list = Spooled::new(spool, most)?;
    let is_urlencoded = form == Form::Urlencoded;
    let name = match form {
        Form::Multipart(boundary) => file_of_form(body, boundary, &mut list).await?,
        Form::Body | Form::Urlencoded => {
            let mut chunks = body.into_data_stream();
            while let Some(chunk) = chunks.next().await {
                list.write(&chunk.map_err(|_| broken_off())?).await?;
            }
            None
        }
    };
    if is_urlencoded && is_one_line(&list.start) {
        return Err(unsupported(
            "the body is a web form, or a list whose line breaks 'curl -d' took out; send the file itself as the body: curl \
             --data-binary @list.csv",
        ));
    }
    Ok((list.rewound().await?, name))
}

/// Writes the file of a form, and returns its name. Options stand in the address, so a form has nothing else.
async fn file_of_form(
    body: Body,
    boundary: String,
    list: &mut Spooled<'_>,
) -> Result<Option<String>, Refusal> {
    let between = Arc::new(AtomicUsize::new(0));
    let mut form = Multipart::new(bounded(body, Arc::clone(&between)), boundary);
    let mut name = None;
    while let Some(mut field) = form.next_field().await.map_err(|error| wrong_form(&error))? {
        let Some(file_name) = field.file_name() else {
            let field: String = field.name().unwrap_or_default().chars().take(40).collect();
            return Err((
                StatusCode::BAD_REQUEST,
                format!(
                    "the field {field:?} of the form is not a file; send the list as a file, and options in the address, such as \
                     ?default_country=KE: curl -F file=@list.csv"
                ),
            ));
        };
        if name.replace(file_name.to_owned()).is_some() {
            return Err((StatusCode::BAD_REQUEST, "the form has two files; send one list an upload".into()));
        }
        while let Some(chunk) = field.chunk().await.map_err(|error| wrong_form(&error))? {
            between.store(0, Ordering::Relaxed);
            list.write(&chunk).await?;
        }
    }
    match name {
        None => Err((StatusCode::BAD_REQUEST, "the form has no file: curl -F file=@list.csv".into())),
        name => Ok(name),
    }
}

/// The chunks of a body. It fails if more than [`MOST_BETWEEN`] bytes come while `between` is not set to 0: the parser keeps the
/// header of a part in memory, however long it is.
fn bounded(
    body: Body,
    between: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<bytes::Bytes, axum::Error>> + Send + 'static {
    // multer 3.1 takes a form for cut off if its first chunk and its end come in one poll; an empty chunk divides them.
    let end = futures::stream::once(async { Ok(bytes::Bytes::new()) });
    body.into_data_stream().chain(end).then(move |chunk| {
        let bytes = chunk.as_ref().map_or(0, bytes::Bytes::len);
        let is_too_much = between.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_BETWEEN;
        async move {
            // The parser takes all chunks that are ready before it gives any of them out; so it has one at a time.
            tokio::task::yield_now().await;
            if is_too_much { Err(axum::Error::new(TooMuch)) } else { chunk }
        }
    })
}

/// A form has too many bytes that belong to no file.
#[derive(Debug)]
struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too much of the form belongs to no file")
    }
}

impl std::error::Error for TooMuch {}

/// Whether the beginning of a body is text without any line break, and no object of JSON Lines.
fn is_one_line(start: &[u8]) -> bool {
    !start.is_empty() && start.first() != Some(&b'{') && !start.iter().any(u8::is_ascii_control)
}

/// A list on its way into a file.
struct Spooled<'a> {
    file: tokio::fs::File,
    spool: &'a Spool,
    start: Vec<u8>,
    bytes: u64,
    most: u64,
}

impl<'a> Spooled<'a> {
    fn new(spool: &'a Spool, most: u64) -> Result<Self, Refusal> {
        let file = tokio::fs::File::from_std(spool.file().map_err(|error| no_space(&error))?);
        Ok(Self { file, spool, start: Vec::new(), bytes: 0, most })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.most {
            let says = format!("the list is longer than {} bytes; divide it", self.most);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, says));
        }
        self.start.extend_from_slice(
            chunk.get(..chunk.len().min(LOOKED_AT - self.start.len())).unwrap_or_default(),
        );
        self.spool.take(chunk.len()).map_err(|error| no_space(&error))?;
        self.file.write_all(chunk).await.map_err(|error| self.failed(error))
    }

    async fn rewound(mut self) -> Result<File, Refusal> {
        self.file.flush().await.map_err(|error| self.failed(error))?;
        self.file.rewind().await.map_err(|error| self.failed(error))?;
        Ok(self.file.into_std().await)
    }

    fn failed(&self, error: std::io::Error) -> Refusal {
        let error: SpoolError = self.spool.unwritable(error);
        no_space(&error)
    }
}

fn unsupported(says: &str) -> Refusal {
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, says.into())
}

fn broken_off() -> Refusal {
    (StatusCode::BAD_REQUEST, "the list broke off".into())
}

fn no_form() -> Refusal {
    let says = "the body is not the multipart/form-data that its Content-Type announces; send the file itself as the body: curl \
                --data-binary @list.csv";
    (StatusCode::BAD_REQUEST, says.into())
}

fn wrong_form(error: &multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteFieldData { .. } => broken_off(),
        _ => no_form(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_say_how_a_list_is_sent() {
        let of = |name: header::HeaderName, value: &str| {
            Form::of(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
                .map_err(|(status, _)| status.as_u16())
        };
        assert_eq!(Form::of(&HeaderMap::new()).ok(), Some(Form::Body));
        for (value, expected) in [
            ("text/csv", Ok(Form::Body)),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", Ok(Form::Urlencoded)),
            ("multipart/form-data; boundary=\"a b\"", Ok(Form::Multipart("a b".into()))),
            ("multipart/form-data", Err(400)),
            ("multipart/mixed; boundary=a", Err(415)),
        ] {
            assert_eq!(of(header::CONTENT_TYPE, value), expected, "{value}");
        }
        assert_eq!(of(header::CONTENT_ENCODING, "gzip"), Ok(Form::Body));
        assert_eq!(of(header::CONTENT_ENCODING, "br"), Err(415));
    }

    #[test]
    fn a_body_without_line_breaks_is_known() {
        assert!(is_one_line(b"phone,name254712000001,Ann") && is_one_line(b"list=a&country=KE"));
        for other in
            [&b"phone\n254712000001"[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"{\"phone\":\"254\"}", b""]
        {
            assert!(!is_one_line(other), "{other:?}");
        }
    }
}
