//! Turns a row of a list into a recipient or a reason.

use std::sync::Arc;

use campaign::{CompiledMessage, Country, Msisdn, Variables};

use crate::error::Error;
use crate::import::columns::{Columns, Wanted};
use crate::import::options::ImportOptions;
use crate::list::row::Row;
use crate::list::unclosed_quote::{self, Shape};
use crate::reason::Reason;

/// Characters with which a formula begins in a spreadsheet.
const FORMULA_SIGNS: &[char] =
    &['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
/// The character that decoders write for bytes they cannot decode.
const LOST_LETTER: char = '\u{fffd}';

/// Turns rows into recipients.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) columns: Columns,
    pub(crate) country: Option<Country>,
    pub(crate) message: Option<Arc<CompiledMessage>>,
}

/// Why a row is rejected, and the column, unless it is the number column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) column: Option<String>,
}

impl Checker {
    /// Reads the header row.
    pub(crate) fn begin(header: &Row, options: &ImportOptions) -> Result<Self, Error> {
        unclosed_quote::refuse_header(header)?;
        let names: Vec<&str> =
            header.cells().map(std::str::from_utf8).collect::<Result<_, _>>().map_err(|_| {
                let problem = "the first row is not in UTF-8; save the list as 'CSV UTF-8' and import again";
                Error::BadList(problem.into())
            })?;
        let wanted = Wanted {
            number: options.number_column.as_deref(),
            needed: options.needed.clone(),
            defaults: options.defaults.clone(),
        };
        let mut columns = Columns::read(&names, &wanted)?;
        columns.header.line = header.line;
        Ok(Self { columns, country: options.default_country, message: options.message.clone() })
    }

    /// The number column and the number of columns.
    pub(crate) fn shape(&self) -> Shape {
        Shape { columns: self.columns.variables.len(), number: self.columns.number }
    }

    /// The recipient of a row.
    pub(crate) fn check(&self, row: &Row) -> Result<(Msisdn, Variables), Refusal> {
        let msisdn = self.number(row)?;
        let mut variables = Variables::default();
        for (index, variable) in self.columns.variables.iter().enumerate() {
            let Some(variable) = variable else { continue };
            let in_column = |reason| Refusal { reason, column: Some(variable.name.clone()) };
            let cell = text(row.cell(index)).map_err(in_column)?;
            let value = match (&variable.default, cell) {
                (Some(default), "") => default,
                (None, "") if variable.is_needed => return Err(in_column(Reason::EmptyCell)),
                (_, cell) => cell,
            };
            variables.0.insert(variable.name.clone(), value.to_owned());
        }
        variables.0.extend(self.columns.absent.iter().cloned());
        match self.message.as_ref().and_then(|message| message.broken_variable(&variables)) {
            Some(name) => Err(Refusal { reason: Reason::LineBreak, column: Some(name.to_owned()) }),
            None => Ok((msisdn, variables)),
        }
    }

    /// The number of a row, unless the whole row is invalid.
    pub(crate) fn number(&self, row: &Row) -> Result<Msisdn, Refusal> {
        let refused = |reason| Err(Refusal { reason, column: None });
        if let Some(fault) = row.fault {
            return refused(fault);
        }
        let columns = self.columns.variables.len();
        // In a sheet every cell knows its column, and a column without a name is not a variable.
        if row.delimiter.is_some()
            && row.len() > columns
            && row.cells().skip(columns).any(|cell| !cell.trim_ascii().is_empty())
        {
            return refused(Reason::TooManyCells);
        }
        if memchr::memchr(0, row.text()).is_some() {
            return refused(Reason::NulCharacter);
        }
        let number =
            text(row.cell(self.columns.number)).map_err(|reason| Refusal { reason, column: None })?;
        Msisdn::parse(number, self.country)
            .map_err(|error| Refusal { reason: Reason::Number(error), column: None })
    }
}

/// The trimmed text of a cell. An apostrophe before a formula character is removed.
fn text(cell: &[u8]) -> Result<&str, Reason> {
    let cell = std::str::from_utf8(cell).map_err(|_| Reason::BrokenLetter)?.trim();
    if !cell.is_ascii() && cell.contains(LOST_LETTER) {
        return Err(Reason::BrokenLetter);
    }
    Ok(cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA_SIGNS)).unwrap_or(cell))
}

/// A cell that is safe to open in a spreadsheet: a would-be formula gets an apostrophe.
pub fn harmless(cell: &str) -> String {
    if cell.starts_with(FORMULA_SIGNS) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn checker(header: &[&str]) -> Checker {
        let needed = ["name".to_owned()].into_iter().collect();
        let defaults = BTreeMap::from([("town".to_owned(), "here".to_owned())]);
        let columns = Columns::read(header, &Wanted { number: None, needed, defaults }).unwrap();
        Checker { columns, country: "KE".parse().ok(), message: None }
    }

    fn check(header: &[&str], cells: &[&[u8]]) -> Result<String, (Reason, Option<String>)> {
        let mut row = Row::default();
        row.begin(2);
        row.delimiter = Some(b',');
        for cell in cells {
            row.push(cell);
        }
        match checker(header).check(&row) {
            Ok((msisdn, variables)) => Ok(format!("{msisdn} {:?}", variables.0)),
            Err(Refusal { reason, column }) => Err((reason, column)),
        }
    }

    #[test]
    fn a_row_is_a_recipient_or_has_its_reason_and_column() {
        let header = ["phone", "name", "town", ""];
        let refused = |reason, column: Option<&str>| Err((reason, column.map(str::to_owned)));
        for (cells, expected) in [
            (
                [&b"0712000001"[..], b" Anna ", b"", b"x"],
                Ok("254712000001 {\"name\": \"Anna\", \"town\": \"here\"}".to_owned()),
            ),
            (
                [b"'+254712000001", b"'=1+1", b"'quoted'", b""],
                Ok("254712000001 {\"name\": \"=1+1\", \"town\": \"'quoted'\"}".to_owned()),
            ),
            ([b"0712000001", b" ", b"", b""], refused(Reason::EmptyCell, Some("name"))),
            ([b"0712000001", b"Jos\xe9", b"", b""], refused(Reason::BrokenLetter, Some("name"))),
            (
                [b"0712000001", b"Ben", b"Nairo\xef\xbf\xbdi", b""],
                refused(Reason::BrokenLetter, Some("town")),
            ),
            ([b"0712000001", b"Ben\0", b"", b""], refused(Reason::NulCharacter, None)),
            ([b"", b"Ben", b"", b""], refused(Reason::Number(campaign::MsisdnError::Missing), None)),
        ] {
            assert_eq!(check(&header, &cells), expected);
        }
        assert_eq!(
            check(&header, &[b"0712000001", b"Anna"]),
            Ok("254712000001 {\"name\": \"Anna\", \"town\": \"here\"}".to_owned())
        );
        assert_eq!(check(&header, &[b"0712000001"]), refused(Reason::EmptyCell, Some("name")));
        let more = [&b"0712000001"[..], b"Anna", b"", b"", b"", b" "];
        assert!(check(&header, &more).is_ok());
        let more = [&b"0712000001"[..], b"Anna", b"", b"", b"x"];
        assert_eq!(check(&header, &more), refused(Reason::TooManyCells, None));
        let mut of_a_sheet = Row::default();
        of_a_sheet.begin(2);
        for cell in more {
            of_a_sheet.push(cell);
        }
        assert!(checker(&header).check(&of_a_sheet).is_ok());
    }

    #[test]
    fn no_cell_is_a_formula_and_every_cell_is_restored() {
        for cell in [
            "=1+1",
            "+254712000001",
            "-5",
            "@SUM(A1)",
            "\tx",
            "\n=1",
            "\u{ff1d}1+1",
            "\u{ff20}a",
            "plain",
            "'quoted'",
            "",
        ] {
            let written = harmless(cell);
            assert!(!written.starts_with(FORMULA_SIGNS), "{written}");
            assert_eq!(text(written.as_bytes()), Ok(cell));
        }
    }
}
