//! Rows of text with a delimiter: CSV and its sisters.

use std::io::Read;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::error::Error;
use crate::list::row::{CELL_LIMIT, COLUMN_LIMIT, Row};

const BLOCK: usize = 128 * 1024;
/// The delimiters there are; of equals the last one wins, so that a list of one column is read with commas.
const DELIMITERS: [u8; 4] = [b'|', b'\t', b';', b','];

/// How the cells of a line are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    delimiter: u8,
    /// The first line is `sep=;`, which some spreadsheets write to say so.
    is_said: bool,
}

impl Dialect {
    /// Judges by the beginning of the text, with its lines unified: the delimiter that stands most often in the first
    /// line, outside quotation marks.
    pub(crate) fn of(start: &[u8]) -> Self {
        let first =
            start.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        if let Some([delimiter]) = first.trim_ascii_end().strip_prefix(b"sep=") {
            return Self { delimiter: *delimiter, is_said: true };
        }
        // Every second part stands between quotation marks.
        let outside = |delimiter: &u8| {
            let parts = first.split(|byte| *byte == b'"').step_by(2);
            parts.map(|part| memchr::memchr_iter(*delimiter, part).count()).sum::<usize>()
        };
        Self { delimiter: DELIMITERS.into_iter().max_by_key(outside).unwrap_or(b','), is_said: false }
    }

    /// The delimiter's name.
    pub(crate) fn name(self) -> String {
        match self.delimiter {
            b',' => "comma".into(),
            b';' => "semicolon".into(),
            b'\t' => "tab".into(),
            b'|' => "bar".into(),
            other => format!("'{}'", other.escape_ascii()),
        }
    }
}

/// A text being read row by row.
pub(crate) struct Delimited<R> {
    text: R,
    core: Reader,
    block: Vec<u8>,
    at: usize,
    filled: usize,
    cell: Vec<u8>,
    /// Blank lines passed over; the reader below does not see them.
    blank_lines: u64,
}

impl<R: Read> Delimited<R> {
    /// Over a text with its lines unified.
    pub(crate) fn new(text: R, dialect: Dialect) -> Result<Self, Error> {
        let core = ReaderBuilder::new().delimiter(dialect.delimiter).build();
        let (block, cell) = (vec![0; BLOCK], vec![0; 2 * CELL_LIMIT]);
        let mut rows = Self { text, core, block, at: 0, filled: 0, cell, blank_lines: 0 };
        if dialect.is_said {
            rows.read(&mut Row::default())?;
        }
        Ok(rows)
    }

    /// Reads the next row; tells whether there was one.
    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        self.skip_blank_lines()?;
        row.begin(self.core.line() + self.blank_lines);
        let mut length = 0;
        loop {
            let is_end = self.at == self.filled && !self.fill()?;
            let block = self.block.get(self.at..self.filled).unwrap_or_default();
            let room = self.cell.get_mut(length..).unwrap_or_default();
            let (result, read, written) = self.core.read_field(block, room);
            self.at += read;
            length += written;
            match result {
                ReadFieldResult::InputEmpty => {}
                // Of a cell that is too long only the beginning is kept, whatever its length.
                ReadFieldResult::OutputFull => length = CELL_LIMIT + 1,
                ReadFieldResult::Field { .. } if is_end => return Err(unclosed(row.line)),
                ReadFieldResult::Field { record_end } => {
                    if row.len() <= COLUMN_LIMIT {
                        row.push(self.cell.get(..length).unwrap_or_default());
                    }
                    length = 0;
                    if record_end {
                        return Ok(true);
                    }
                }
                ReadFieldResult::End => return Ok(false),
            }
        }
    }

    fn skip_blank_lines(&mut self) -> Result<(), Error> {
        while self.at < self.filled || self.fill()? {
            if self.block.get(self.at) != Some(&b'\n') {
                break;
            }
            self.at += 1;
            self.blank_lines += 1;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<bool, Error> {
        self.filled = self.text.read(&mut self.block).map_err(Error::unreadable)?;
        self.at = 0;
        Ok(self.filled > 0)
    }
}

/// Every line ends with `\n`, so a cell that only the end of the text ends is one whose quotation mark was never closed.
fn unclosed(line: i32) -> Error {
    Error::BadList(format!(
        "a quotation mark in the row that begins in line {line} is never closed; close it, or take it out"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_of_the_header() {
        for (header, name) in [
            ("phone,a,b", "comma"),
            ("phone;a,b;c", "semicolon"),
            ("phone\ta", "tab"),
            ("\n\nphone|a\n1,2,3", "bar"),
            ("phone", "comma"),
            ("\"phone, or mobile, or so\";name", "semicolon"),
            ("sep=^\nphone^a", "'^'"),
        ] {
            assert_eq!(Dialect::of(header.as_bytes()).name(), name, "{header}");
        }
    }

    #[test]
    fn rows_know_their_lines() {
        let text = b"sep=;\n\na;b\n\n\n\"c\nd\";e\nf;\"g\"\"h\"\n";
        let mut rows = Delimited::new(&text[..], Dialect::of(text)).unwrap();
        let (mut row, mut found) = (Row::default(), Vec::new());
        while rows.read(&mut row).unwrap() {
            let cells: Vec<_> = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            found.push((row.line, cells.join("|")));
        }
        assert_eq!(found, [(3, "a|b".into()), (6, "c\nd|e".into()), (8, "f|g\"h".into())]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_told_with_its_line() {
        let text = b"a,b\n1,\"2\n3,4\n";
        let mut rows = Delimited::new(&text[..], Dialect::of(text)).unwrap();
        let mut row = Row::default();
        assert!(rows.read(&mut row).unwrap());
        let error = rows.read(&mut row).unwrap_err().to_string();
        assert!(error.contains("begins in line 2 is never closed"), "{error}");
    }
}
