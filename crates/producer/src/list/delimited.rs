//! Rows of text with a delimiter: CSV and similar formats.
//!
//! **Invariants.** A cell that begins with a quotation mark ends at the next single one. Everything between is its
//! text, including line ends. A cell of several lines is marked in the row, because a missing quotation mark looks the
//! same.

use std::io::Read;

use crate::error::Error;
use crate::list::column_names::{TITLES, is_number_name};
use crate::list::row::Row;
use crate::reason::Reason;

const BLOCK: usize = 128 * 1024;
/// The supported delimiters. If several are equally frequent the last one is used, so a list of one column has commas.
const DELIMITERS: [u8; 4] = [b'|', b'\t', b';', b','];

/// The delimiter and quoting of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    delimiter: u8,
    /// Whether the first line is `sep=;`, with which some spreadsheets declare the delimiter.
    is_declared: bool,
    /// Whether a quotation mark inside a quoted cell is written `\"`, as databases do, and not `""`.
    has_backslashes: bool,
}

impl Dialect {
    /// Detects the dialect from the beginning of the text, with its line ends unified: the delimiter is the most
    /// frequent one of the first line, outside quotation marks.
    pub(crate) fn of(start: &[u8]) -> Self {
        let mut lines = start.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let first = lines.next().unwrap_or_default();
        let unquoted = first.strip_prefix(b"\"").and_then(|first| first.strip_suffix(b"\""));
        let first = unquoted.filter(|first| first.starts_with(b"sep=")).unwrap_or(first);
        // The delimiter may be a tab, so the line is not trimmed.
        let declared = first
            .strip_prefix(b"sep=")
            .and_then(|declared| declared.first_chunk().filter(|_| declared.len() == 1));
        let (delimiter, is_declared) = if let Some([delimiter]) = declared {
            (*delimiter, true)
        } else {
            // There may be a title above the header.
            let mut some = std::iter::once(first).chain(lines).take(TITLES + 1);
            (most_frequent(some.find(|line| names_a_number(line)).unwrap_or(first)), false)
        };
        let plain = Self { delimiter, is_declared, has_backslashes: false };
        Self { has_backslashes: has_backslashes(start, plain), ..plain }
    }

    /// The delimiter's name, and the quoting if it is unusual.
    pub(crate) fn name(self) -> String {
        let delimiter = match self.delimiter {
            b',' => "comma".into(),
            b';' => "semicolon".into(),
            b'\t' => "tab".into(),
            b'|' => "bar".into(),
            other => format!("'{}'", other.escape_ascii()),
        };
        delimiter + if self.has_backslashes { ", quotation marks written as \\\"" } else { "" }
    }
}

/// The most frequent delimiter of a line, outside quotation marks.
fn most_frequent(line: &[u8]) -> u8 {
    // Every second part is between quotation marks.
    let outside = |delimiter: &u8| {
        let parts = line.split(|byte| *byte == b'"').step_by(2);
        parts.map(|part| memchr::memchr_iter(*delimiter, part).count()).sum::<usize>()
    };
    DELIMITERS.into_iter().max_by_key(outside).unwrap_or(b',')
}

/// Whether a cell of a line is the name of a number column.
fn names_a_number(line: &[u8]) -> bool {
    let delimiter = most_frequent(line);
    line.split(|byte| *byte == delimiter).any(|cell| std::str::from_utf8(cell).is_ok_and(is_number_name))
}

/// Whether, with usual quoting, a quoted cell of these rows ends with `\"` and text follows it.
fn has_backslashes(start: &[u8], plain: Dialect) -> bool {
    let mut row = Row::default();
    let Ok(mut rows) = Delimited::new(start, plain) else { return false };
    while let Ok(true) = rows.read(&mut row) {
        if row.fault == Some(Reason::BackslashQuote) {
            return true;
        }
    }
    false
}

/// A text that is read row by row.
pub(crate) struct Delimited<R> {
    text: R,
    dialect: Dialect,
    block: Vec<u8>,
    at: usize,
    filled: usize,
    /// The next line, from 1.
    line: u64,
}

impl<R: Read> Delimited<R> {
    /// A reader of a text with unified line ends.
    pub(crate) fn new(text: R, dialect: Dialect) -> Result<Self, Error> {
        let mut rows = Self { text, dialect, block: vec![0; BLOCK], at: 0, filled: 0, line: 1 };
        if dialect.is_declared {
            rows.read(&mut Row::default())?;
        }
        Ok(rows)
    }

    /// Reads the next row. Returns false at the end.
    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        while self.next()? == Some(b'\n') {
            self.at += 1;
            self.line += 1;
        }
        if self.next()?.is_none() {
            return Ok(false);
        }
        row.begin(self.line);
        row.delimiter = Some(self.dialect.delimiter);
        loop {
            if self.next()? == Some(b'"') {
                self.at += 1;
                self.read_quoted(row)?;
            }
            if self.read_plain(row)? {
                self.line += 1;
                return Ok(true);
            }
        }
    }

    /// Reads to the end of the cell. Returns whether the row ends there.
    fn read_plain(&mut self, row: &mut Row) -> Result<bool, Error> {
        while self.next()?.is_some() {
            let rest = self.rest();
            let end = memchr::memchr2(self.dialect.delimiter, b'\n', rest);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            row.extend(part);
            let is_last = end.and_then(|end| rest.get(end)) == Some(&b'\n');
            self.at += part.len() + usize::from(end.is_some());
            if end.is_some() {
                row.end_cell();
                return Ok(is_last);
            }
        }
        row.end_cell();
        Ok(true)
    }

    /// Reads from an opening quotation mark to the closing one.
    fn read_quoted(&mut self, row: &mut Row) -> Result<(), Error> {
        let opened = self.line;
        // The byte that may escape a quotation mark: a backslash, or another quotation mark.
        let escape = if self.dialect.has_backslashes { b'\\' } else { b'"' };
        let mut last = 0;
        loop {
            if self.next()?.is_none() {
                return Err(unclosed(opened));
            }
            let rest = self.rest();
            let end = memchr::memchr2(b'"', escape, rest);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            row.extend(part);
            last = part.last().copied().unwrap_or(last);
            let lines = memchr::memchr_iter(b'\n', part).count();
            let sign = end.and_then(|end| rest.get(end).copied());
            self.at += part.len() + usize::from(end.is_some());
            self.line += u64::try_from(lines).unwrap_or(0);
            let Some(sign) = sign else { continue };
            match (sign, self.next()?) {
                (b'"', Some(b'"')) | (b'\\', Some(b'"' | b'\\')) => {
                    row.extend(self.rest().get(..1).unwrap_or_default());
                    self.at += 1;
                    last = 0;
                }
                (b'"', next) => {
                    let goes_on = next.is_some_and(|next| next != b'\n' && next != self.dialect.delimiter);
                    return self.close(row, (opened, last), goes_on);
                }
                (sign, _) => {
                    row.extend(&[sign]);
                    last = sign;
                }
            }
        }
    }

    /// Checks a quoted cell at its closing quotation mark.
    fn close(&self, row: &mut Row, (opened, last): (u64, u8), goes_on: bool) -> Result<(), Error> {
        let spans_lines = self.line > opened;
        if spans_lines {
            row.spans_lines = true;
        }
        match (goes_on, last) {
            (true, b'\\') => row.fault = Some(Reason::BackslashQuote),
            (true, _) if spans_lines => return Err(closed_in_another_cell(opened, self.line)),
            _ => {}
        }
        Ok(())
    }

    /// The next byte, or `None` at the end. Reads another block if needed.
    fn next(&mut self) -> Result<Option<u8>, Error> {
        if self.at == self.filled {
            self.filled = self.text.read(&mut self.block).map_err(Error::unreadable)?;
            self.at = 0;
        }
        Ok(self.rest().first().copied())
    }

    fn rest(&self) -> &[u8] {
        self.block.get(self.at..self.filled).unwrap_or_default()
    }
}

fn unclosed(line: u64) -> Error {
    Error::BadList(format!(
        "the quotation mark that opens a cell in line {line} is never closed; close it, or remove it"
    ))
}

/// No program writes text after the closing quotation mark of a cell of several lines.
fn closed_in_another_cell(opened: u64, closed: u64) -> Error {
    Error::BadList(format!(
        "the quotation mark that opens a cell in line {opened} is closed in line {closed}, in the middle of another cell, so \
         the rows between would be lost; close it, or remove it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_that_of_the_header() {
        for (header, name) in [
            ("phone,a,b", "comma"),
            ("phone;a,b;c", "semicolon"),
            ("phone\ta", "tab"),
            ("\n\nphone|a\n1,2,3", "bar"),
            ("phone", "comma"),
            ("\"phone, or mobile, or so\";name", "semicolon"),
            ("sep=^\nphone^a", "'^'"),
            ("sep=\t\nphone\ta", "tab"),
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

    /// The rows of a text, each as its cells with bars between them, or the error.
    fn rows(text: &str) -> Result<Vec<(i32, String)>, String> {
        let dialect = Dialect::of(text.as_bytes());
        let mut rows = Delimited::new(text.as_bytes(), dialect).unwrap();
        let (mut row, mut found) = (Row::default(), Vec::new());
        while rows.read(&mut row).map_err(|error| error.to_string())? {
            let cells: Vec<_> = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            found.push((row.line, row.fault.map_or("", Reason::word).to_owned() + &cells.join("|")));
        }
        Ok(found)
    }

    #[test]
    fn an_unclosed_quotation_mark_is_reported_with_its_line() {
        let error = rows("a,b\n1,\"2\n3,4\n").unwrap_err();
        assert!(error.contains("opens a cell in line 2 is never closed"), "{error}");
        let error = rows("a,b\n1,\"2\n3,4\n5,\"6\n7,8\n").unwrap_err();
        assert!(error.contains("opens a cell in line 2 is closed in line 4, in the middle"), "{error}");
    }

    #[test]
    fn a_row_reads_the_same_wherever_the_blocks_end() {
        struct Dripping<'a>(&'a [u8]);
        impl Read for Dripping<'_> {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let most = out.len().min(1);
                self.0.read(out.get_mut(..most).unwrap_or_default())
            }
        }
        let text = "a,b\n\"c \"\"d\"\"\ne\",\"f\"g\n\n5\" pipe,\"\"\n";
        let mut rows = Delimited::new(Dripping(text.as_bytes()), Dialect::of(text.as_bytes())).unwrap();
        let (mut row, mut found) = (Row::default(), Vec::new());
        while rows.read(&mut row).unwrap() {
            let cells: Vec<_> = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            found.push((row.line, row.spans_lines, cells.join("|")));
        }
        let expected = [(1, false, "a|b"), (2, true, "c \"d\"\ne|fg"), (5, false, "5\" pipe|")];
        assert_eq!(found, expected.map(|(line, spans, cells)| (line, spans, cells.to_owned())));
    }

    #[test]
    fn backslash_quotes_are_read_if_the_list_begins_with_them_and_refused_otherwise() {
        let list = "a,b\n1,\"Jo \\\"Big, Old\\\" Smith\"\n2,\"C:\\\\\"\n";
        assert_eq!(Dialect::of(list.as_bytes()).name(), "comma, quotation marks written as \\\"");
        let read = [(1, "a|b".into()), (2, "1|Jo \"Big, Old\" Smith".into()), (3, "2|C:\\".into())];
        assert_eq!(rows(list).unwrap(), read);
        let path = "a,b\n1,\"C:\\\"\n2,\"\"\n";
        assert_eq!(rows(path).unwrap()[1], (2, "1|C:\\".into()));
        assert_eq!(rows("a,b\n1,\"C:\\\"\"\"x\n").unwrap()[1], (2, "1|C:\\\"x".into()));
        let dialect = Dialect::of(path.as_bytes());
        let late = "a,b\n1,\"Jo \\\"Big\\\"\"\n";
        let mut row = Row::default();
        let mut rows = Delimited::new(late.as_bytes(), dialect).unwrap();
        assert!(rows.read(&mut row).unwrap() && rows.read(&mut row).unwrap());
        assert_eq!(row.fault, Some(Reason::BackslashQuote));
    }
}
