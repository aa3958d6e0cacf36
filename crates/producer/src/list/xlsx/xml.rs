//! Reads one XML part of a workbook, event by event.

use std::io::{BufReader, Error as IoError, ErrorKind, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::error::Error;
use crate::list::xlsx::{damaged, too_large};

/// The longest run of bytes without a `<`: a cell has at most 32,767 letters.
const RUN_LIMIT: usize = 1024 * 1024;

/// An XML part that is being read.
pub(crate) struct Xml<R: Read> {
    reader: Reader<BufReader<Measured<R>>>,
    buffer: Vec<u8>,
}

impl<R: Read> Xml<R> {
    /// A reader of a part, for at most `limit` bytes.
    pub(crate) fn new(part: R, limit: u64) -> Self {
        let mut reader = Reader::from_reader(BufReader::new(Measured { part, left: limit, run: 0 }));
        let config = reader.config_mut();
        config.check_end_names = false;
        config.check_comments = false;
        Self { reader, buffer: Vec::new() }
    }

    /// Reads to the end of the part, where its checksum is compared.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let rest = std::io::copy(self.reader.get_mut(), &mut std::io::sink());
        rest.map(drop).map_err(|error| refusal(&error))
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Event<'_>, Error> {
        self.buffer.clear();
        self.reader.read_event_into(&mut self.buffer).map_err(|error| match error {
            quick_xml::Error::Io(error) => refusal(&error),
            _ => damaged(),
        })
    }
}

fn refusal(error: &IoError) -> Error {
    match error.kind() {
        ErrorKind::FileTooLarge => too_large("needs too much memory to be read"),
        _ => damaged(),
    }
}

/// The value of an attribute, by its name without namespace, with its entities as written.
pub(crate) fn raw_attribute<'a>(element: &'a BytesStart<'_>, name: &str) -> Option<&'a str> {
    let mut rest = element.attributes_raw();
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_ascii_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, others) = after.get(1..)?.split_once(quote)?;
        let key = key.trim_ascii();
        if key.rsplit(':').next() == Some(name) && !key.starts_with("xmlns") {
            return Some(value);
        }
        rest = others;
    }
}

/// The value of an attribute, with its entities resolved.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let raw = raw_attribute(element, name)?;
    quick_xml::escape::unescape(raw).ok().map(std::borrow::Cow::into_owned)
}

/// Whether an attribute is true.
pub(crate) fn is_true(element: &BytesStart<'_>, name: &str) -> bool {
    matches!(raw_attribute(element, name), Some("1" | "true"))
}

/// Adds the letter of an entity such as `&amp;` or `&#10;`.
pub(crate) fn push_entity(entity: &BytesRef<'_>, text: &mut String) -> Result<(), Error> {
    let letter = match &**entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => entity.resolve_char_ref().ok().flatten().ok_or_else(damaged)?,
    };
    text.push(letter);
    Ok(())
}

/// A part that counts its decompressed bytes while they are read, whatever size the zip file states.
pub(crate) struct Measured<R> {
    part: R,
    left: u64,
    /// Bytes since the last `<`.
    run: usize,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.part.read(out)?;
        let block = out.get(..read).unwrap_or_default();
        self.run = match memchr::memrchr(b'<', block) {
            Some(last) => block.len() - last,
            None => self.run + block.len(),
        };
        let left = u64::try_from(read).ok().and_then(|read| self.left.checked_sub(read));
        match left {
            Some(left) if self.run <= RUN_LIMIT => {
                self.left = left;
                Ok(read)
            }
            _ => Err(IoError::from(ErrorKind::FileTooLarge)),
        }
    }
}
