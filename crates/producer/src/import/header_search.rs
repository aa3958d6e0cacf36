//! Finds the header of a list: the first row, or the first row with a number column below a title.

use crate::error::Error;
use crate::import::check::Checker;
use crate::import::header::find_number;
use crate::import::options::ImportOptions;
use crate::list::column_names::{TITLES, variable_name};
use crate::list::row::Row;

/// The search for the header: the first row, or the first row with a number column below rows of one cell each.
#[derive(Default)]
pub(crate) struct Search {
    titles: usize,
    /// Why the first row is not a header.
    refused: Option<Error>,
}

impl Search {
    /// Reads the next row. Returns nothing if the header may still come.
    pub(crate) fn read(&mut self, row: &Row, options: &ImportOptions) -> Result<Option<Checker>, Error> {
        let error = match Checker::begin(row, options) {
            Ok(mut checker) => {
                self.refused = None;
                checker.columns.header.titles = self.titles;
                return Ok(Some(checker));
            }
            Err(error) => error,
        };
        let is_title = row.cells().filter(|cell| !cell.trim_ascii().is_empty()).count() == 1;
        if self.refused.is_some() && has_number_name(row, options.number_column.as_deref()) {
            return Err(error);
        }
        let first = self.refused.take().unwrap_or(error);
        if !is_title || self.titles == TITLES {
            return Err(first);
        }
        self.titles += 1;
        self.refused = Some(first);
        Ok(None)
    }

    /// After the last row: why the list has no header.
    pub(crate) fn end(self) -> Result<(), Error> {
        self.refused.map_or(Ok(()), Err)
    }
}

fn has_number_name(row: &Row, wanted: Option<&str>) -> bool {
    let names: Vec<String> = row.cells().map(|cell| variable_name(&String::from_utf8_lossy(cell))).collect();
    find_number(&names, wanted).is_ok()
}
