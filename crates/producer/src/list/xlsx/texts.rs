//! The shared texts of a workbook, stored compactly.

use std::io::{Read, Seek};

use quick_xml::events::Event;

use crate::error::Error;
use crate::list::row::CELL_LIMIT;
use crate::list::xlsx::cell::unescaped;
use crate::list::xlsx::package::Package;
use crate::list::xlsx::xml::push_entity;
use crate::list::xlsx::{damaged, too_large};

/// The most bytes of the part, decompressed.
const PART_LIMIT: u64 = 1024 * 1024 * 1024;
/// The most texts: those of a full sheet with four columns of different texts.
pub(crate) const MOST: usize = 4_194_304;
/// The most bytes of all texts.
const BYTES_LIMIT: usize = 96 * 1024 * 1024;
/// Bytes that are allocated at once, so that growing copies nothing.
const CHUNK: usize = 1024 * 1024;

/// The shared texts.
pub(crate) struct Texts {
    chunks: Vec<String>,
    /// Offset, counted over all chunks, and length of each text.
    places: Vec<(u32, u16)>,
}

impl Texts {
    pub(crate) fn read<R: Read + Seek>(package: &mut Package<R>, path: &str) -> Result<Self, Error> {
        let mut texts = Self { chunks: Vec::new(), places: Vec::new() };
        let Some(mut xml) = package.part(path, PART_LIMIT)? else { return Ok(texts) };
        let (mut text, mut is_text, mut is_reading) = (String::new(), false, false);
        loop {
            match xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "si" => text.clear(),
                    "t" => is_text = !is_reading,
                    // The pronunciation of a text.
                    "rPh" => is_reading = true,
                    _ => {}
                },
                Event::Empty(element) if element.local_name().as_ref() == "si" => texts.push("")?,
                Event::End(element) => match element.local_name().as_ref() {
                    "si" => texts.push(&unescaped(&text))?,
                    "t" => is_text = false,
                    "rPh" => is_reading = false,
                    _ => {}
                },
                Event::Text(part) if is_text => text.push_str(&part.xml10_content()),
                Event::CData(part) if is_text => text.push_str(&part.xml10_content()),
                Event::GeneralRef(entity) if is_text => push_entity(&entity, &mut text)?,
                Event::Eof => return Ok(texts),
                _ => {}
            }
        }
    }

    /// Adds a text. A text that is longer than a cell may be is cut just above that limit, so that it is still rejected.
    fn push(&mut self, text: &str) -> Result<(), Error> {
        let text = text.get(..text.floor_char_boundary(CELL_LIMIT + 4)).unwrap_or(text);
        let needed = text.len();
        if self.chunks.last().is_none_or(|chunk| chunk.len() + needed > CHUNK) {
            if self.chunks.len() * CHUNK >= BYTES_LIMIT {
                return Err(too_large("has more text than can be kept in memory"));
            }
            self.chunks.push(String::with_capacity(CHUNK));
        }
        if self.places.len() >= MOST {
            return Err(too_large("has more than 4,194,304 texts"));
        }
        let before = self.chunks.len().saturating_sub(1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return Err(damaged()) };
        let place = (u32::try_from(before + chunk.len()), u16::try_from(needed));
        let (Ok(begin), Ok(length)) = place else { return Err(damaged()) };
        chunk.push_str(text);
        self.places.push((begin, length));
        Ok(())
    }

    /// The text with this number, from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let (begin, length) = *self.places.get(index)?;
        let begin = usize::try_from(begin).ok()?;
        self.chunks.get(begin / CHUNK)?.get(begin % CHUNK..begin % CHUNK + usize::from(length))
    }
}
