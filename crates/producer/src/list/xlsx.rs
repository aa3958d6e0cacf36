//! Reads an Excel workbook (`.xlsx`): a zip file of XML parts, read row by row.
//!
//! **Invariants.** This runs in a separate process with limits for memory and time (`workbook/process.rs`), because any
//! user can send a workbook. Every part is measured while it is decompressed, whatever its name. Only the shared texts
//! and one row are kept in memory. A reference to a cell that no sheet can have is refused, never wrapped.

mod book;
mod cell;
mod formats;
mod package;
mod sheet;
#[cfg(test)]
mod tests;
mod texts;
mod xml;

use std::io::{Read, Seek};

use crate::error::Error;
use crate::list::row::Row;
use crate::list::xlsx::book::Book;
pub(crate) use crate::list::xlsx::book::{Choice, choose};
use crate::list::xlsx::formats::Formats;
use crate::list::xlsx::package::Package;
use crate::list::xlsx::sheet::{Context, Sheet};
use crate::list::xlsx::texts::Texts;

/// The first bytes of a zip file, and so of a workbook.
pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";

/// A workbook whose sheets are known.
pub(crate) struct Xlsx<R> {
    package: Package<R>,
    book: Book,
}

impl<R: Read + Seek> Xlsx<R> {
    /// Reads the structure of the workbook, without its sheets.
    pub(crate) fn open(file: R) -> Result<Self, Error> {
        let mut package = Package::open(file)?;
        let book = Book::read(&mut package)?;
        Ok(Self { package, book })
    }

    /// Chooses the named sheet, or the first visible one.
    pub(crate) fn choose(&self, wanted: Option<&str>) -> Result<Choice, Error> {
        choose(&self.book.sheets, wanted)
    }

    /// Passes the rows of a sheet that are not blank to `each`, until it returns false. Returns how many rows were
    /// ignored because they are hidden.
    pub(crate) fn each_row(
        &mut self,
        sheet: usize,
        include_hidden: bool,
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<u64, Error> {
        let formats = Formats::read(&mut self.package, &self.book.styles)?;
        let texts = Texts::read(&mut self.package, &self.book.texts)?;
        let sheet = self.book.sheets.get(sheet).ok_or_else(damaged)?;
        let context =
            Context { texts: &texts, formats: &formats, is_1904: self.book.is_1904, include_hidden };
        Sheet::open(&mut self.package, &sheet.path, context)?.each_row(each)
    }
}

/// The error for a workbook that cannot be read at all.
pub(crate) fn damaged() -> Error {
    Error::BadList(
        "the workbook is damaged or was cut off on its way; open it in Excel and save it again".into(),
    )
}

/// The error for a workbook that would need more memory than any list of recipients.
pub(crate) fn too_large(what: &str) -> Error {
    Error::BadList(format!("the workbook {what}; save the list as CSV and import that"))
}
