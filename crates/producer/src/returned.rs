//! The list as it is given back: the same rows as CSV, with what is wrong with each in a column `error`.
//!
//! **Invariants.** The file appears when the import is done, whole. No cell of it is a formula, and imported again it reads as
//! before.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use campaign::Msisdn;
use tempfile::NamedTempFile;

use crate::check::harmless;
use crate::columns::Columns;
use crate::error::Error;
use crate::list::row::Row;

/// Without this mark spreadsheets do not read UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A list being given back.
pub(crate) struct Returned {
    rows: csv::Writer<BufWriter<NamedTempFile>>,
    path: PathBuf,
    number: usize,
    /// Where the errors of an earlier import stand; without it there is one column more.
    errors: Option<usize>,
    columns: usize,
}

impl Returned {
    /// Begins with the header row. The file gets its name at the end.
    pub(crate) fn begin(path: &Path, header: &Row, columns: &Columns) -> Result<Self, Error> {
        let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = BufWriter::new(NamedTempFile::new_in(folder).map_err(unwritable)?);
        file.write_all(MARK).map_err(unwritable)?;
        let rows = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let Columns { number, errors, .. } = *columns;
        let mut returned =
            Self { rows, path: path.to_owned(), number, errors, columns: columns.variables.len() };
        returned.write(header, None, "error")?;
        Ok(returned)
    }

    /// Adds a row. Its number is written in digits where it is one.
    pub(crate) fn write(&mut self, row: &Row, number: Option<Msisdn>, error: &str) -> Result<(), Error> {
        let cell = |index: usize| match number {
            Some(number) if index == self.number => number.to_string(),
            _ => harmless(&String::from_utf8_lossy(row.cell(index))),
        };
        let cell = |index| if Some(index) == self.errors { error.to_owned() } else { cell(index) };
        let appended = self.errors.is_none().then(|| error.to_owned());
        // Cells beyond the last column stand behind the error.
        let record = (0..self.columns).map(cell).chain(appended).chain((self.columns..row.len()).map(cell));
        self.rows
            .write_record(record)
            .map_err(|error| Error::Unwritable { path: self.path.clone(), source: error.into() })
    }

    /// Gives the file its name, after the import is done.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let unwritable = |source| Error::NotGivenBack { path: self.path.clone(), source };
        let file =
            self.rows.into_inner().map_err(|error| unwritable(std::io::Error::other(error.to_string())))?;
        let file = file.into_inner().map_err(|error| unwritable(error.into_error()))?;
        file.persist(&self.path).map(drop).map_err(|error| unwritable(error.error))
    }
}
