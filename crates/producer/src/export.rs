//! Writes a list as CSV, or as a workbook in which every cell is text. Its import gives the same recipients.
//!
//! **Invariants.** No cell is a formula in a spreadsheet. Memory does not grow with the list.

use std::io::{Error, Result, Write};
use std::path::Path;

use campaign::Msisdn;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use crate::import::check::harmless;

/// Rows of a sheet, including the header.
const SHEET_ROWS: u32 = 1_048_576;

/// The format of an exported list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Commas, UTF-8, quotation marks if a cell needs them.
    Csv,
    /// An Excel workbook (`.xlsx`).
    Xlsx,
}

/// A list that is written. A workbook is written only by [`Exported::finish`].
pub struct Exported<W: Write>(Form<W>);

enum Form<W: Write> {
    Csv(csv::Writer<W>),
    Xlsx { workbook: Box<Workbook>, text: Format, row: u32, out: W },
}

impl<W: Write + Send> Exported<W> {
    /// Writes the header; the first column is the number. A workbook is stored in `folder` until it is finished.
    pub fn begin(format: ExportFormat, out: W, folder: &Path, header: &[String]) -> Result<Self> {
        let mut exported = Self(match format {
            ExportFormat::Csv => Form::Csv(csv::Writer::from_writer(out)),
            ExportFormat::Xlsx => {
                let mut workbook = Box::new(Workbook::new());
                workbook.set_tempdir(folder).map_err(failed)?;
                workbook.add_worksheet_with_constant_memory().map_err(failed)?;
                // A cell of this format stays text even if a number is typed into it.
                Form::Xlsx { workbook, text: Format::new().set_num_format("@"), row: 0, out }
            }
        });
        let (number, others) = header.split_first().map_or(("", header), |(number, others)| (number, others));
        exported.write(number, others.iter().map(String::as_str))?;
        Ok(exported)
    }

    /// Adds a recipient: the number in digits, and the other cells.
    pub fn recipient<'a>(&mut self, number: Msisdn, cells: impl Iterator<Item = &'a str>) -> Result<()> {
        self.write(&number.to_string(), cells)
    }

    fn write<'a>(&mut self, number: &str, cells: impl Iterator<Item = &'a str>) -> Result<()> {
        match &mut self.0 {
            Form::Csv(rows) => {
                let cells = std::iter::once(harmless(number)).chain(cells.map(harmless));
                rows.write_record(cells).map_err(Error::from)
            }
            Form::Xlsx { workbook, text, row, .. } => {
                if *row == SHEET_ROWS {
                    let problem = "a sheet holds at most 1,048,575 recipients; export them as csv";
                    return Err(Error::other(problem));
                }
                let sheet = workbook.worksheet_from_index(0).map_err(failed)?;
                sheet.write_string_with_format(*row, 0, number, text).map_err(failed)?;
                for (column, cell) in (1..).zip(cells) {
                    sheet.write_string_with_format(*row, column, cell, text).map_err(failed)?;
                }
                *row += 1;
                Ok(())
            }
        }
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Form::Csv(mut rows) => rows.flush(),
            Form::Xlsx { mut workbook, mut out, .. } => {
                workbook.save_to_writer(&mut out).map_err(failed)?;
                out.flush()
            }
        }
    }
}

fn failed(error: XlsxError) -> Error {
    match error {
        XlsxError::IoError(error) => error,
        other => Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(header: &[&str], cells: &[&str]) -> String {
        let header: Vec<String> = header.iter().map(ToString::to_string).collect();
        let mut out = Vec::new();
        let mut list = Exported::begin(ExportFormat::Csv, &mut out, Path::new("/tmp"), &header).unwrap();
        let number = Msisdn::from_digits(254_712_000_001).unwrap();
        list.recipient(number, cells.iter().copied()).unwrap();
        list.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_need_it_and_none_is_a_formula() {
        let written = csv(&["Phone", "First Name", "a,b", "=x"], &["Anna", "a \"b\", c", "\n=1+1"]);
        assert_eq!(
            written,
            "Phone,First Name,\"a,b\",'=x\n254712000001,Anna,\"a \"\"b\"\", c\",\"'\n=1+1\"\n"
        );
        for cell in ["+1", "-1", "@a", "\tx", "\r=1", "\u{ff1d}1", "\u{ff0b}1", "\u{ff0d}1", "\u{ff20}a"] {
            let written = csv(&["phone", "x"], &[cell]);
            assert!(written.contains(&format!("'{cell}")), "{written:?}");
        }
    }
}
