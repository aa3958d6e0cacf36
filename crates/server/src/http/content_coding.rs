//! The content coding of a body (`Content-Encoding`, RFC 9110), and decoding within the limits of an unencoded body.
//!
//! No provider encodes its webhook requests today, but a proxy in between may.
//!
//! **Invariants.** Only an authenticated body is decoded. At most [`MAX_CONCURRENT`] bodies are decoded at the same time. Memory
//! is reserved as a body grows, and decoding ends at the maximum length of a body, whatever the encoded body announces.

use std::io::{self, Read};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::http::body_memory::AuthenticatedBody;

/// The number of bytes that are decoded between two checks of the limits.
const STEP: usize = 64 * 1024;
/// The maximum number of bodies that are decoded at the same time.
const MAX_CONCURRENT: usize = 2;

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Identity,
    Gzip,
    /// The zlib format according to RFC 9110; some clients leave out the zlib header.
    Deflate,
}

/// The reason why a body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// The decoded body is longer than the limit.
    TooLong,
    /// The body does not have the coding that the header names, or is incomplete.
    Invalid,
    /// The memory for bodies is used up, or too many other bodies are being decoded.
    OutOfMemory,
}

impl DecodeError {
    /// The status of the answer, and the kind under which the refusal is counted.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Invalid => (StatusCode::BAD_REQUEST, "wrong_encoding"),
            Self::OutOfMemory => (StatusCode::SERVICE_UNAVAILABLE, "overload"),
        }
    }
}

/// Decodes bodies, at most [`MAX_CONCURRENT`] at the same time.
pub(crate) struct Decoder {
    max_bytes: usize,
    wait: Duration,
    permits: Semaphore,
}

impl Decoder {
    /// A decoded body has at most `max_bytes` bytes, and waits at most `wait` for other bodies.
    pub(crate) fn new(max_bytes: usize, wait: Duration) -> Self {
        Self { max_bytes, wait, permits: Semaphore::new(MAX_CONCURRENT) }
    }

    /// Decodes a body with the memory `memory`, and returns the decoded body with its memory.
    pub(crate) async fn decode(
        &self,
        coding: ContentCoding,
        body: Bytes,
        mut memory: AuthenticatedBody,
    ) -> Result<(Bytes, AuthenticatedBody), DecodeError> {
        if coding == ContentCoding::Identity {
            return Ok((body, memory));
        }
        let permit = tokio::time::timeout(self.wait, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(DecodeError::OutOfMemory) };
        let max_bytes = self.max_bytes;
        let decoded = tokio::task::spawn_blocking(move || {
            let encoded = body.len();
            let decoded =
                coding.decode(&body, max_bytes, |bytes| memory.reserve(bytes, Instant::now()).is_ok())?;
            drop(body);
            memory.release(encoded);
            Ok((Bytes::from(decoded.into_boxed_slice()), memory))
        });
        decoded.await.unwrap_or(Err(DecodeError::OutOfMemory))
    }
}

impl ContentCoding {
    /// The coding that the headers name; `None` if the coding is not supported.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut coding = Self::Identity;
        for line in headers.get_all(header::CONTENT_ENCODING) {
            for word in line.to_str().ok()?.split(',') {
                let named = match word.trim().to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => return None,
                };
                // Two nested codings are refused, because each decoding can multiply the length by a thousand.
                if coding != Self::Identity {
                    return None;
                }
                coding = named;
            }
        }
        Some(coding)
    }

    /// Decodes a body to at most `max_bytes` bytes. `reserve` is called for memory as the decoded body grows.
    fn decode(
        self,
        body: &[u8],
        max_bytes: usize,
        reserve: impl FnMut(usize) -> bool,
    ) -> Result<Vec<u8>, DecodeError> {
        let has_header = matches!(body, [first, second, ..]
            if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
        match self {
            Self::Identity => Ok(body.to_vec()),
            Self::Gzip => read(MultiGzDecoder::new(body), max_bytes, reserve),
            Self::Deflate if has_header => read(ZlibDecoder::new(body), max_bytes, reserve),
            Self::Deflate => read(DeflateDecoder::new(body), max_bytes, reserve),
        }
    }
}

fn read(
    mut coded: impl Read,
    max_bytes: usize,
    mut reserve: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, DecodeError> {
    let mut body = Vec::new();
    loop {
        let before = body.len();
        // One byte more than the limit shows that the body is too long.
        let step = STEP.min(max_bytes + 1 - before) as u64;
        match coded.by_ref().take(step).read_to_end(&mut body) {
            Ok(0) => return Ok(body),
            Ok(_) if body.len() > max_bytes => return Err(DecodeError::TooLong),
            Ok(n) if reserve(n) => {}
            Ok(_) => return Err(DecodeError::OutOfMemory),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(DecodeError::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    const MAX_BYTES: usize = 3 * 1024 * 1024;

    fn of(words: &[&'static str]) -> Option<ContentCoding> {
        let mut headers = HeaderMap::new();
        for word in words {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(word));
        }
        ContentCoding::of(&headers)
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut coded = GzEncoder::new(Vec::new(), Compression::best());
        coded.write_all(body).unwrap();
        coded.finish().unwrap()
    }

    #[test]
    fn the_header_names_the_coding() {
        assert_eq!(of(&[]), Some(ContentCoding::Identity));
        assert_eq!(of(&["identity"]), Some(ContentCoding::Identity));
        assert_eq!(of(&["GZIP"]), Some(ContentCoding::Gzip));
        assert_eq!(of(&["identity", "x-gzip"]), Some(ContentCoding::Gzip));
        assert_eq!(of(&["deflate"]), Some(ContentCoding::Deflate));
        for unknown in [&["br"][..], &["zstd"], &["gzip, gzip"], &["gzip", "deflate"]] {
            assert_eq!(of(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn an_encoded_body_is_decoded() {
        let body = br#"{"entry":[]}"#.repeat(10_000);
        let (mut zlib, mut bare) = (
            ZlibEncoder::new(Vec::new(), Compression::fast()),
            DeflateEncoder::new(Vec::new(), Compression::fast()),
        );
        zlib.write_all(&body).unwrap();
        bare.write_all(&body).unwrap();
        let (head, rest) = body.split_at(500);
        for (coding, coded) in [
            (ContentCoding::Identity, body.clone()),
            (ContentCoding::Gzip, gzip(&body)),
            (ContentCoding::Gzip, [gzip(head), gzip(rest)].concat()),
            (ContentCoding::Deflate, zlib.finish().unwrap()),
            (ContentCoding::Deflate, bare.finish().unwrap()),
        ] {
            assert!(coding.decode(&coded, MAX_BYTES, |_| true).unwrap() == body, "{coding:?}");
        }
    }

    #[test]
    fn a_gzip_bomb_takes_no_more_memory_than_the_maximum_body() {
        let bomb = gzip(&vec![0; 20 * MAX_BYTES]);
        assert!(bomb.len() < MAX_BYTES / 3, "{} bytes", bomb.len());
        let mut taken = 0;
        let decoded = ContentCoding::Gzip.decode(&bomb, MAX_BYTES, |bytes| {
            taken += bytes;
            true
        });
        assert_eq!(decoded, Err(DecodeError::TooLong));
        println!("{} bytes that decode to {} took {taken} bytes", bomb.len(), 20 * MAX_BYTES);
        assert!(taken <= MAX_BYTES, "{taken}");
        assert_eq!(ContentCoding::Gzip.decode(&bomb, MAX_BYTES, |_| false), Err(DecodeError::OutOfMemory));
        let whole = gzip(b"{}");
        for broken in [&b"{}"[..], &whole[..whole.len() - 1], &[]] {
            assert_eq!(
                ContentCoding::Gzip.decode(broken, MAX_BYTES, |_| true),
                Err(DecodeError::Invalid),
                "{broken:?}"
            );
        }
        assert_eq!(
            ContentCoding::Gzip
                .decode(&gzip(&vec![0; MAX_BYTES]), MAX_BYTES, |_| true)
                .map(|body| body.len()),
            Ok(MAX_BYTES)
        );
    }
}
