//! JSON Lines: one object per line; the names of the first object are the columns.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::list::row::{COLUMN_LIMIT, Row};
use crate::reason::Reason;

/// The longest line, in bytes.
const LINE_LIMIT: usize = 1024 * 1024;

/// A text that is read line by line.
pub(crate) struct JsonLines<R> {
    text: R,
    block: Vec<u8>,
    at: usize,
    filled: usize,
    line: Vec<u8>,
    n: u64,
    columns: HashMap<String, usize>,
    /// The first line, whose names were read already.
    first: Option<Vec<u8>>,
}

impl<R: Read> JsonLines<R> {
    /// A reader of a text with unified line ends. The names of the first object become the header row.
    pub(crate) fn new(text: R, header: &mut Row) -> Result<Self, Error> {
        let (block, columns) = (vec![0; 64 * 1024], HashMap::new());
        let mut rows = Self { text, block, at: 0, filled: 0, line: Vec::new(), n: 0, columns, first: None };
        let is_short = rows.next_line()?.unwrap_or(true);
        let object = Object::read(&rows.line).filter(|_| is_short).ok_or_else(|| {
            Error::BadList(format!(
                "line {} is not a JSON object; write one object a line, like {{\"phone\": \"+254712000001\", \"name\": \"Anna\"}}",
                rows.n
            ))
        })?;
        header.begin(rows.n);
        for (name, _) in object.0.iter().take(COLUMN_LIMIT + 1) {
            if !rows.columns.contains_key(name) {
                rows.columns.insert(name.clone(), header.len());
                header.push(name.as_bytes());
            }
        }
        rows.first = Some(rows.line.clone());
        Ok(rows)
    }

    /// Reads the next row. Returns false at the end.
    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        let is_short = match self.first.take() {
            Some(first) => {
                self.line = first;
                true
            }
            None => match self.next_line()? {
                Some(is_short) => is_short,
                None => return Ok(false),
            },
        };
        row.begin(self.n);
        let fault = if is_short { self.fill_row(row) } else { Some(Reason::CellTooLong) };
        row.fault = row.fault.or(fault);
        Ok(true)
    }

    fn fill_row(&self, row: &mut Row) -> Option<Reason> {
        let Some(object) = Object::read(&self.line) else {
            let is_text = std::str::from_utf8(&self.line).is_ok();
            return Some(if is_text { Reason::NotJson } else { Reason::BrokenLetter });
        };
        let mut cells = vec![String::new(); self.columns.len()];
        let mut fault = None;
        for (name, value) in object.0 {
            match (self.columns.get(&name).and_then(|column| cells.get_mut(*column)), text(value)) {
                (Some(cell), Some(text)) => *cell = text,
                (_, None) => fault = Some(Reason::NotText),
                (None, Some(_)) => fault = Some(Reason::UnknownName),
            }
        }
        for cell in &cells {
            row.push(cell.as_bytes());
        }
        fault
    }

    /// Reads the next line that is not blank into `line`. Returns whether the line is complete, or `None` at the end.
    fn next_line(&mut self) -> Result<Option<bool>, Error> {
        loop {
            self.line.clear();
            let mut is_short = true;
            let has_end = loop {
                if self.at == self.filled {
                    self.filled = self.text.read(&mut self.block).map_err(Error::unreadable)?;
                    self.at = 0;
                }
                let block = self.block.get(self.at..self.filled).unwrap_or_default();
                let end = memchr::memchr(b'\n', block);
                let part = block.get(..end.unwrap_or(block.len())).unwrap_or_default();
                is_short &= self.line.len() + part.len() <= LINE_LIMIT;
                if is_short {
                    self.line.extend_from_slice(part);
                }
                self.at += part.len() + usize::from(end.is_some());
                if end.is_some() || block.is_empty() {
                    break end.is_some();
                }
            };
            if !has_end {
                return Ok(None);
            }
            self.n += 1;
            if !is_short || !self.line.trim_ascii().is_empty() {
                return Ok(Some(is_short));
            }
        }
    }
}

/// A value as the text of a cell: numbers as written, empty for null, `None` for lists and objects.
fn text(value: &RawValue) -> Option<String> {
    let written = value.get();
    match written.as_bytes().first() {
        Some(b'"') => serde_json::from_str(written).ok(),
        Some(b'{' | b'[') | None => None,
        Some(b'n') => Some(String::new()),
        Some(_) => Some(written.to_owned()),
    }
}

/// The names and values of an object, in the order of the line.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (i32, Option<Reason>, String);

    fn read(text: &[u8]) -> Result<Vec<Found>, String> {
        let mut row = Row::default();
        let mut rows = JsonLines::new(text, &mut row).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        loop {
            let cells: Vec<_> = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            found.push((row.line, row.fault, cells.join("|")));
            if !rows.read(&mut row).unwrap() {
                return Ok(found);
            }
        }
    }

    #[test]
    fn names_of_the_first_line_are_columns_and_numbers_stay_as_written() {
        let text = b"\n{\"phone\": 254712000001, \"n\": 1.50, \"ok\": true}\n\n{\"n\": null, \"phone\": \"\\u002b254\"}\n\
            {\"phone\": 2.54712E+11, \"x\": 1}\n{\"phone\": [1]}\nphone\n{\"phone\": \"\xff\"}\n";
        let ok = |line, cells: &str| (line, None, cells.to_owned());
        let bad = |line, reason, cells: &str| (line, Some(reason), cells.to_owned());
        assert_eq!(
            read(text).unwrap(),
            [
                ok(2, "phone|n|ok"),
                ok(2, "254712000001|1.50|true"),
                ok(4, "+254||"),
                bad(5, Reason::UnknownName, "2.54712E+11||"),
                bad(6, Reason::NotText, "||"),
                bad(7, Reason::NotJson, ""),
                bad(8, Reason::BrokenLetter, ""),
            ]
        );
    }

    #[test]
    fn a_first_line_that_is_not_an_object_is_refused() {
        for text in [&b"[1]\n"[..], b"{\"phone\": \n", b"\"phone\"\n"] {
            assert!(read(text).unwrap_err().contains("write one object a line"));
        }
    }

    #[test]
    fn a_line_without_end_is_refused_and_the_next_one_read() {
        let long = format!("{{\"phone\": \"{}\"}}\n", "x".repeat(LINE_LIMIT));
        let text = ["{\"phone\": \"1\"}\n", &long, "{\"phone\": \"2\"}\n"].concat();
        let found = read(text.as_bytes()).unwrap();
        assert_eq!(found[2], (2, Some(Reason::CellTooLong), String::new()));
        assert_eq!(found[3], (3, None, "2".into()));
    }
}
