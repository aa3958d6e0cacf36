//! Reading a CSV list row by row: every row is a recipient or has a reason why it is none.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use campaign::{Country, Msisdn, MsisdnError, Variables};
use csv::ByteRecord;

use crate::columns::Columns;
use crate::error::Error;

/// Longest cell that is taken, in bytes; WhatsApp takes no text that long.
const CELL_LIMIT: usize = 4096;
/// How much of a refused cell is kept.
const SHOWN: usize = 40;

/// How a list is to be read.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The country whose national formats are read.
    pub default_country: Option<Country>,
    /// The number column, when none of the usual names is in the header.
    pub number_column: Option<String>,
    /// The variables that the message cannot do without.
    pub needed: BTreeSet<String>,
}

/// A list being read.
pub(crate) struct List<R> {
    reader: csv::Reader<R>,
    record: ByteRecord,
    columns: Columns,
    country: Option<Country>,
    line_end: u8,
}

/// How a list is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    delimiter: u8,
    /// `\n`, before which a `\r` may stand as white space, or `\r` alone as on an old Mac.
    line_end: u8,
}

/// One row of a list.
pub(crate) enum Row {
    /// Somebody to send to.
    Recipient(Msisdn, Variables),
    /// Nobody, and why: line, reason, and what stands in the number column.
    Rejected { line: i32, reason: &'static str, cell: String },
}

impl List<BufReader<File>> {
    /// Opens a file and reads its header row.
    pub(crate) fn open(path: &Path, options: &ImportOptions) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Error::BadList("this is a folder; name a CSV file".into()));
        }
        let mut buffered = BufReader::with_capacity(256 * 1024, file);
        let dialect = Dialect::of(buffered.fill_buf().map_err(unreadable)?);
        List::read(buffered, dialect, options)
    }
}

impl<R: Read> List<R> {
    /// Reads the header row of a list.
    pub(crate) fn read(source: R, dialect: Dialect, options: &ImportOptions) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .terminator(csv::Terminator::Any(dialect.line_end))
            .flexible(true)
            .has_headers(false)
            .from_reader(source);
        let mut record = ByteRecord::new();
        let found = reader.read_byte_record(&mut record).map_err(|error| broken(&error))?;
        if !found {
            return Err(Error::BadList("the list is empty; its first row must name the columns".into()));
        }
        let header: Vec<&str> =
            record.iter().map(std::str::from_utf8).collect::<Result<_, _>>().map_err(|_| {
                Error::BadList("the list is not in UTF-8; save it as 'CSV UTF-8' and import again".into())
            })?;
        let columns = Columns::read(&header, options.number_column.as_deref(), &options.needed)?;
        Ok(Self { reader, record, columns, country: options.default_country, line_end: dialect.line_end })
    }

    /// The next row, or `None` at the end. Blank lines are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if !self.reader.read_byte_record(&mut self.record).map_err(|error| broken(&error))? {
                return Ok(None);
            }
            let is_blank = self.record.len() == 1 && self.record.as_slice().trim_ascii().is_empty();
            if !is_blank {
                break;
            }
        }
        let cell = self.record.get(self.columns.number).unwrap_or_default();
        Ok(Some(match self.recipient(cell) {
            Ok((msisdn, variables)) => Row::Recipient(msisdn, variables),
            Err(reason) => {
                let shown =
                    String::from_utf8_lossy(cell).trim().replace('\0', "").chars().take(SHOWN).collect();
                Row::Rejected { line: self.line(), reason, cell: shown }
            }
        }))
    }

    /// The line of the file on which the row begins, from 1.
    fn line(&self) -> i32 {
        let position = self.record.position();
        let line = match self.line_end {
            b'\r' => position.map_or(0, |position| position.record() + 1),
            _ => position.map_or(0, csv::Position::line),
        };
        i32::try_from(line).unwrap_or(i32::MAX)
    }

    fn recipient(&self, number: &[u8]) -> Result<(Msisdn, Variables), &'static str> {
        match self.record.len().cmp(&self.columns.variables.len()) {
            std::cmp::Ordering::Less => return Err("too_few_cells"),
            std::cmp::Ordering::Greater => return Err("too_many_cells"),
            std::cmp::Ordering::Equal => {}
        }
        if self.record.iter().any(|cell| cell.len() > CELL_LIMIT) {
            return Err("cell_too_long");
        }
        if self.record.as_slice().contains(&0) {
            return Err("nul_character");
        }
        let number = std::str::from_utf8(number).map_err(|_| "not_utf8")?;
        let msisdn = Msisdn::parse(number, self.country).map_err(MsisdnError::word)?;
        let mut variables = Variables::default();
        for (name, cell) in self.columns.variables.iter().zip(&self.record) {
            if let Some(name) = name {
                let cell = std::str::from_utf8(cell).map_err(|_| "not_utf8")?;
                variables.0.insert(name.clone(), cell.trim().to_owned());
            }
        }
        Ok((msisdn, variables))
    }
}

/// Why a row was not imported, in words for the person who wrote the list.
pub fn reason_words(reason: &str) -> &str {
    match reason {
        "too_few_cells" => "the row has fewer cells than the first row",
        "too_many_cells" => {
            "the row has more cells than the first row; is a text with the delimiter not quoted?"
        }
        "cell_too_long" => "a cell is longer than 4,096 bytes",
        "nul_character" => "a cell contains a NUL character",
        "not_utf8" => "a cell is not in UTF-8",
        word => {
            MsisdnError::ALL.iter().find(|error| error.word() == word).map_or(word, |error| error.sentence())
        }
    }
}

fn broken(error: &csv::Error) -> Error {
    Error::BadList(format!("the list cannot be read as CSV: {error}"))
}

impl Dialect {
    /// Judges by the beginning of the list: the delimiter (comma, semicolon, tab or bar) that stands most often in the
    /// first line.
    fn of(start: &[u8]) -> Self {
        let line_end = if start.contains(&b'\n') || !start.contains(&b'\r') { b'\n' } else { b'\r' };
        let line = start.split(|byte| *byte == line_end).next().unwrap_or_default();
        let count = |delimiter: &u8| line.split(|byte| byte == delimiter).count();
        // The last of equals wins, so a list of one column is read with commas.
        let delimiter = [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',');
        Self { delimiter, line_end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<Result<String, (i32, &'static str, String)>> {
        let options = ImportOptions { default_country: "KE".parse().ok(), ..ImportOptions::default() };
        let mut list = List::read(text, Dialect::of(text), &options).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = list.next().unwrap() {
            rows.push(match row {
                Row::Recipient(msisdn, variables) => Ok(format!("{msisdn} {:?}", variables.0)),
                Row::Rejected { line, reason, cell } => Err((line, reason, cell)),
            });
        }
        rows
    }

    #[test]
    fn a_messy_list_is_read_row_by_row_with_line_and_reason() {
        let list = b"\xef\xbb\xbfPhone;First name\r\n\
            0712 000 001;Anna\r\n\
            \r\n\
            +254712000002;\"Ben; the \"\"second\"\"\nof his name\"\r\n\
            12;Cy\r\n\
            n/a;Dan\r\n\
            0712000003\r\n\
            0712000004;Eve;x\r\n\
            0712000005;\xff\r\n\
            2.54712E+11;Fay\r\n\
            0712000006;Nul\0\r\n\
            0712000007; Gus \r\n";
        let line = |line, reason, cell: &str| Err((line, reason, cell.to_owned()));
        assert_eq!(
            rows(list),
            [
                Ok("254712000001 {\"first_name\": \"Anna\"}".into()),
                Ok("254712000002 {\"first_name\": \"Ben; the \\\"second\\\"\\nof his name\"}".into()),
                line(6, "number_too_short", "12"),
                line(7, "not_a_number", "n/a"),
                line(8, "too_few_cells", "0712000003"),
                line(9, "too_many_cells", "0712000004"),
                line(10, "not_utf8", "0712000005"),
                line(11, "number_rounded", "2.54712E+11"),
                line(12, "nul_character", "0712000006"),
                Ok("254712000007 {\"first_name\": \"Gus\"}".into()),
            ]
        );
    }

    #[test]
    fn the_delimiter_is_the_one_of_the_header() {
        for (header, expected) in [
            ("phone,a,b", b','),
            ("phone;a,b;c", b';'),
            ("phone\ta", b'\t'),
            ("phone|a", b'|'),
            ("phone", b','),
        ] {
            assert_eq!(Dialect::of(header.as_bytes()).delimiter, expected, "{header}");
        }
    }

    #[test]
    fn a_long_cell_is_refused_and_the_rest_is_read() {
        let list = format!("phone,name\n0712000001,{}\n0712000002,Ben\n", "x".repeat(CELL_LIMIT + 1));
        let rows = rows(list.as_bytes());
        assert_eq!(rows[0], Err((2, "cell_too_long", "0712000001".into())));
        assert!(rows[1].is_ok());
    }

    #[test]
    fn a_list_from_an_old_mac_is_read_too() {
        let rows = rows(b"phone,name\r0712000001,Anna\rx,Ben\r");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1], Err((3, "not_a_number", "x".into())));
    }

    #[test]
    fn an_empty_list_says_what_is_missing() {
        let error = List::read(&b""[..], Dialect::of(b""), &ImportOptions::default()).err().unwrap();
        assert_eq!(error.to_string(), "the list is empty; its first row must name the columns");
    }
}
