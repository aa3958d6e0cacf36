//! The content coding of a body (`Content-Encoding`, RFC 9110), and decoding a body within the limits of a plain one.
//!
//! None of the providers codes its posts today; what stands between a provider and the server may.
//!
//! **Invariants.** Only a body whose signature or password is right is decoded. At most [`AT_ONCE`] bodies are decoded at the same
//! time. Memory is taken as a body grows, and decoding ends at the longest body that is allowed, whatever the coded body announces.

use std::io::{self, Read};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::memory::Kept;

/// Bytes that are decoded between two looks at the limits.
const STEP: usize = 64 * 1024;
/// Most bodies that are decoded at the same time.
const AT_ONCE: usize = 2;

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Identity,
    Gzip,
    /// The zlib format by RFC 9110; some clients leave the header of zlib out.
    Deflate,
}

/// Why a body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDecoded {
    /// It is longer than a body may be.
    TooLong,
    /// It is not in the coding that the header names, or breaks off.
    Broken,
    /// There is no memory for it now, or other bodies are being decoded.
    Full,
}

impl NotDecoded {
    /// The answer, and the word by which such answers are counted.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Broken => (StatusCode::BAD_REQUEST, "wrong_encoding"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "overload"),
        }
    }
}

/// Decodes bodies, few at a time.
pub(crate) struct Decoder {
    most: usize,
    wait: Duration,
    permits: Semaphore,
}

impl Decoder {
    /// Of at most `most` bytes a body, decoded; a body waits at most `wait` for the bodies before it.
    pub(crate) fn new(most: usize, wait: Duration) -> Self {
        Self { most, wait, permits: Semaphore::new(AT_ONCE) }
    }

    /// Decodes a body whose memory is `kept`; afterwards `kept` is the memory of the decoded one.
    pub(crate) async fn decode(
        &self,
        coding: ContentCoding,
        body: Bytes,
        mut kept: Kept,
    ) -> Result<(Bytes, Kept), NotDecoded> {
        if coding == ContentCoding::Identity {
            return Ok((body, kept));
        }
        let permit = tokio::time::timeout(self.wait, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(NotDecoded::Full) };
        let most = self.most;
        let decoded = tokio::task::spawn_blocking(move || {
            let coded = body.len();
            let decoded = coding.decode(&body, most, |bytes| kept.take(bytes, Instant::now()).is_ok())?;
            drop(body);
            kept.give_back(coded);
            Ok((Bytes::from(decoded.into_boxed_slice()), kept))
        });
        decoded.await.unwrap_or(Err(NotDecoded::Full))
    }
}

impl ContentCoding {
    /// The coding that these headers name; `None` is a coding that is not known here.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut coding = Self::Identity;
        for line in headers.get_all(header::CONTENT_ENCODING) {
            for word in line.to_str().ok()?.split(',') {
                let said = match word.trim().to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => return None,
                };
                // Two codings on top of each other are refused: decoding multiplies the length by a thousand each time.
                if coding != Self::Identity {
                    return None;
                }
                coding = said;
            }
        }
        Some(coding)
    }

    /// Decodes a body to at most `most` bytes. `take` is asked for memory as the decoded body grows.
    fn decode(
        self,
        body: &[u8],
        most: usize,
        take: impl FnMut(usize) -> bool,
    ) -> Result<Vec<u8>, NotDecoded> {
        let has_header = matches!(body, [first, second, ..]
            if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
        match self {
            Self::Identity => Ok(body.to_vec()),
            Self::Gzip => read(MultiGzDecoder::new(body), most, take),
            Self::Deflate if has_header => read(ZlibDecoder::new(body), most, take),
            Self::Deflate => read(DeflateDecoder::new(body), most, take),
        }
    }
}

fn read(
    mut coded: impl Read,
    most: usize,
    mut take: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, NotDecoded> {
    let mut body = Vec::new();
    loop {
        let before = body.len();
        // One byte more than allowed tells that it is too long.
        let step = STEP.min(most + 1 - before) as u64;
        match coded.by_ref().take(step).read_to_end(&mut body) {
            Ok(0) => return Ok(body),
            Ok(_) if body.len() > most => return Err(NotDecoded::TooLong),
            Ok(n) if take(n) => {}
            Ok(_) => return Err(NotDecoded::Full),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(NotDecoded::Broken),
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

    const MOST: usize = 3 * 1024 * 1024;

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
    fn a_coded_body_is_decoded() {
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
            assert!(coding.decode(&coded, MOST, |_| true).unwrap() == body, "{coding:?}");
        }
    }

    #[test]
    fn a_gzip_bomb_takes_no_more_memory_than_the_longest_body() {
        let bomb = gzip(&vec![0; 20 * MOST]);
        assert!(bomb.len() < MOST / 3, "{} bytes", bomb.len());
        let mut taken = 0;
        let decoded = ContentCoding::Gzip.decode(&bomb, MOST, |bytes| {
            taken += bytes;
            true
        });
        assert_eq!(decoded, Err(NotDecoded::TooLong));
        println!("{} bytes that decode to {} took {taken} bytes", bomb.len(), 20 * MOST);
        assert!(taken <= MOST, "{taken}");
        assert_eq!(ContentCoding::Gzip.decode(&bomb, MOST, |_| false), Err(NotDecoded::Full));
        let whole = gzip(b"{}");
        for broken in [&b"{}"[..], &whole[..whole.len() - 1], &[]] {
            assert_eq!(
                ContentCoding::Gzip.decode(broken, MOST, |_| true),
                Err(NotDecoded::Broken),
                "{broken:?}"
            );
        }
        assert_eq!(
            ContentCoding::Gzip.decode(&gzip(&vec![0; MOST]), MOST, |_| true).map(|body| body.len()),
            Ok(MOST)
        );
    }
}
