//! The encoding of a list: detected from all its bytes, shown to the user, and converted to UTF-8.

use std::io::{Read, Result};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::Error;
use crate::list::legacy::{Evidence, Legacy};

/// The most bytes from which the encoding is guessed.
const GUESSED_FROM: usize = 1024 * 1024;
const BLOCK: usize = 64 * 1024;

/// The encoding of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) encoding: &'static Encoding,
    /// Length of the byte order mark.
    mark: usize,
}

impl Text {
    /// The encoding that the user named, whatever the bytes look like.
    pub(crate) fn named(name: &str, start: &[u8]) -> std::result::Result<Self, Error> {
        let encoding = Encoding::for_label(name.trim().as_bytes()).ok_or_else(|| {
            Error::BadList(format!(
                "there is no encoding '{name}'; write one like utf-8, windows-1252, windows-1251 or macintosh"
            ))
        })?;
        let mark =
            Encoding::for_bom(start).filter(|(marked, _)| *marked == encoding).map_or(0, |(_, mark)| mark);
        Ok(Self { encoding, mark })
    }

    /// The text as UTF-8. Bytes that the encoding does not have become U+FFFD; in UTF-8 they are unchanged.
    pub(crate) fn read<'a>(self, bytes: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
        let mut bytes = bytes;
        let mut mark = [0; 3];
        bytes.read_exact(mark.get_mut(..self.mark).unwrap_or_default())?;
        if self.encoding == UTF_8 {
            return Ok(Box::new(bytes));
        }
        let decoder = self.encoding.new_decoder_without_bom_handling();
        Ok(Box::new(Decoded::new(bytes, decoder)))
    }
}

/// Detects the encoding, block by block.
pub(crate) struct Finder {
    detector: EncodingDetector,
    fed: usize,
    start: Vec<u8>,
    /// The end of a block, which may be half a letter.
    rest: Vec<u8>,
    evidence: Evidence,
    letters: u64,
    broken: u64,
}

impl Finder {
    /// A detector that has read nothing.
    pub(crate) fn new() -> Self {
        Self {
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            fed: 0,
            start: Vec::new(),
            rest: Vec::new(),
            evidence: Evidence::default(),
            letters: 0,
            broken: 0,
        }
    }

    /// Reads the next block.
    pub(crate) fn look(&mut self, block: &[u8]) {
        if self.start.len() < BLOCK {
            self.start.extend_from_slice(block.get(..BLOCK).unwrap_or(block));
        }
        self.evidence.look(block);
        if self.rest.is_empty() && block.is_ascii() {
            return;
        }
        if self.fed < GUESSED_FROM {
            self.detector.feed(block, false);
            self.fed += block.len();
        }
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(block);
        self.count(&text);
    }

    /// Counts letters beyond ASCII, and bytes that are not valid in UTF-8.
    fn count(&mut self, mut text: &[u8]) {
        loop {
            let (valid, error) = match std::str::from_utf8(text) {
                Ok(valid) => (valid, None),
                Err(error) => {
                    let valid = text.get(..error.valid_up_to()).unwrap_or_default();
                    (std::str::from_utf8(valid).unwrap_or_default(), Some(error))
                }
            };
            if !valid.is_ascii() {
                self.letters += valid.chars().filter(|letter| !letter.is_ascii()).map(|_| 1).sum::<u64>();
            }
            let Some(error) = error else { return };
            let Some(length) = error.error_len() else {
                self.rest = text.get(error.valid_up_to()..).unwrap_or_default().to_vec();
                return;
            };
            self.broken += 1;
            text = text.get(error.valid_up_to() + length..).unwrap_or_default();
        }
    }

    /// The encoding, after the last block.
    pub(crate) fn found(mut self) -> std::result::Result<Text, Error> {
        if let Some((encoding, mark)) = Encoding::for_bom(&self.start) {
            return Ok(Text { encoding, mark });
        }
        if let Some(encoding) = without_mark(&self.start) {
            return Ok(Text { encoding, mark: 0 });
        }
        self.broken += u64::from(!self.rest.is_empty());
        // If most letters are valid, the list is UTF-8 with damaged letters; their rows are rejected one by one.
        if self.broken == 0 || self.letters > self.broken {
            return Ok(Text { encoding: UTF_8, mark: 0 });
        }
        self.detector.feed(&[], true);
        let encoding = self.detector.guess(None, Utf8Detection::Deny);
        let name = match self.evidence.suspect() {
            None if encoding == WINDOWS_1252 => return Ok(Text { encoding, mark: 0 }),
            Some(Legacy::MsDos) if encoding == WINDOWS_1252 => {
                let problem = "the list is not in UTF-8 but perhaps in a code page of MS-DOS; save it as 'CSV UTF-8' (or write \
                            --encoding windows-1252 if that is its encoding)";
                return Err(Error::BadList(problem.into()));
            }
            Some(Legacy::MacRoman) if encoding == WINDOWS_1252 => MACINTOSH.name(),
            _ => encoding.name(),
        };
        Err(Error::BadList(format!(
            "the list is not in UTF-8 but perhaps in {name}; save it as 'CSV UTF-8', or name its encoding, as in --encoding {name}"
        )))
    }
}

/// Detects UTF-16 without a byte order mark by the zeros that make up half of every ASCII letter.
fn without_mark(start: &[u8]) -> Option<&'static Encoding> {
    let zeros = |parity: usize| start.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, many) = (zeros(0), zeros(1), start.len() / 4);
    match start.len() {
        0..4 => None,
        _ if odd > many && even < odd / 10 + 1 => Some(UTF_16LE),
        _ if even > many && odd < even / 10 + 1 => Some(UTF_16BE),
        _ => None,
    }
}

/// Text of another encoding, converted to UTF-8.
struct Decoded<R> {
    bytes: R,
    decoder: Decoder,
    block: Vec<u8>,
    at: usize,
    filled: usize,
    /// The converted text, of which the bytes in this range are not read yet.
    text: Vec<u8>,
    given: usize,
    written: usize,
    is_last: bool,
    /// Whether the decoder has reached its end and must not be called again.
    is_done: bool,
}

impl<R: Read> Decoded<R> {
    fn new(bytes: R, decoder: Decoder) -> Self {
        let (block, text) = (vec![0; BLOCK], vec![0; BLOCK]);
        let (at, filled, given, written) = (0, 0, 0, 0);
        Self { bytes, decoder, block, at, filled, text, given, written, is_last: false, is_done: false }
    }

    /// Decodes the next part of the block, after reading another block if needed.
    fn decode(&mut self) -> Result<()> {
        if self.at == self.filled && !self.is_last {
            self.filled = self.bytes.read(&mut self.block)?;
            (self.at, self.is_last) = (0, self.filled == 0);
        }
        let block = self.block.get(self.at..self.filled).unwrap_or_default();
        let (result, read, written, _) = self.decoder.decode_to_utf8(block, &mut self.text, self.is_last);
        self.at += read;
        (self.given, self.written) = (0, written);
        self.is_done = self.is_last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        while self.given == self.written && !self.is_done {
            self.decode()?;
        }
        let read = self.text.get(self.given..self.written).unwrap_or_default().read(out)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> std::result::Result<&'static str, String> {
        let mut finder = Finder::new();
        bytes.chunks(3).for_each(|block| finder.look(block));
        finder.found().map(|text| text.encoding.name()).map_err(|error| error.to_string())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_encoding_is_detected_with_and_without_a_byte_order_mark() {
        let text = "phone;name\n0712000001;Zoë Müller\n0712000002;José\n";
        assert_eq!(found(text.as_bytes()), Ok("UTF-8"));
        assert_eq!(found(b"phone;name\n"), Ok("UTF-8"));
        assert_eq!(found(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), Ok("UTF-8"));
        assert_eq!(found(&utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)), Ok("UTF-16LE"));
        assert_eq!(found(&utf16(text, u16::to_le_bytes)), Ok("UTF-16LE"));
        assert_eq!(found(&utf16(text, u16::to_be_bytes)), Ok("UTF-16BE"));
        assert_eq!(found(&WINDOWS_1252.encode(text).0), Ok("windows-1252"));
    }

    #[test]
    fn one_broken_letter_does_not_change_the_encoding() {
        let list = ["Zoë José André ".as_bytes(), b"\xff", "Müller".as_bytes()].concat();
        assert_eq!(found(&list), Ok("UTF-8"));
    }

    #[test]
    fn a_list_whose_encoding_is_guessed_is_refused_with_the_guess() {
        let (bytes, ..) =
            encoding_rs::WINDOWS_1251.encode("телефон;имя\n0712000001;Владимир Петров\n0712000002;Анна\n");
        let problem = found(&bytes).unwrap_err();
        assert!(
            problem.contains("perhaps in windows-1251") && problem.contains("--encoding windows-1251"),
            "{problem}"
        );
        assert_eq!(Text::named("windows-1251", &bytes).unwrap().encoding.name(), "windows-1251");
        assert!(Text::named("klingon", &bytes).unwrap_err().to_string().contains("no encoding 'klingon'"));
    }

    #[test]
    fn a_list_in_an_old_encoding_is_refused_with_the_guess() {
        let problem = found(b"phone;name\n1;Jos\x8e\n2;Zo\x91 M\x9fller\n").unwrap_err();
        assert!(
            problem.contains("perhaps in macintosh") && problem.contains("--encoding macintosh"),
            "{problem}"
        );
        let problem = found(b"phone;name\n1;Jos\x82\n2;M\x81ller\n").unwrap_err();
        assert!(problem.contains("perhaps in a code page of MS-DOS"), "{problem}");
    }

    #[test]
    fn a_text_is_read_as_utf8_with_reads_of_any_size() {
        let text = "Zoë;€5;\u{1f600}\n";
        for mark in ["", "\u{feff}"] {
            let bytes = utf16(&format!("{mark}{text}"), u16::to_le_bytes);
            let encoding = Text { encoding: UTF_16LE, mark: mark.len().min(2) };
            let mut reader = encoding.read(&bytes[..]).unwrap();
            let (mut found, mut out) = (Vec::new(), [0; 5]);
            while let read @ 1.. = reader.read(&mut out).unwrap() {
                found.extend_from_slice(&out[..read]);
            }
            assert_eq!(String::from_utf8(found).unwrap(), text);
        }
    }
}
