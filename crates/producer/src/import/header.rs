//! The header row of a list: its position, and the number column.

use std::fmt;

use crate::error::Error;
use crate::list::column_names::{NUMBER_NAMES, is_number_name, variable_name};

/// The most names in a sentence.
const SHOWN: usize = 20;
/// The most characters of a name in a sentence.
const NAME_SHOWN: usize = 40;
/// The most characters of a name that are stored, and the most columns.
const NAME_KEPT: usize = 200;
const COLUMNS_KEPT: usize = 1_000;
/// What was read from the header of a list, to show it to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The name of the number column as in the list.
    pub number: String,
    /// Other columns whose names are those of number columns; their numbers are not used.
    pub passed_over: Vec<String>,
    /// The names of all columns as in the list.
    pub columns: Vec<String>,
    /// The line of the header, from 1.
    pub line: i32,
    /// Rows above the header that were skipped as a title.
    pub titles: usize,
}

impl Header {
    /// The header with these cells, whose number column has this index.
    pub(crate) fn of(cells: &[&str], number: usize) -> Self {
        let name = |cell: &&str| cell.trim().chars().filter(|sign| *sign != '\0').take(NAME_KEPT).collect();
        let others =
            cells.iter().enumerate().filter(|(index, cell)| *index != number && is_number_name(cell));
        Self {
            number: cells.get(number).map(name).unwrap_or_default(),
            passed_over: others.map(|(_, cell)| name(cell)).take(SHOWN).collect(),
            columns: cells.iter().map(name).take(COLUMNS_KEPT).collect(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the numbers are those of column '{}'", shortened(&self.number))?;
        for (index, name) in self.passed_over.iter().enumerate() {
            f.write_str(if index == 0 { ", not of '" } else { "', '" })?;
            f.write_str(&shortened(name))?;
        }
        if !self.passed_over.is_empty() {
            f.write_str("'; --number-column names another")?;
        }
        match self.titles {
            0 => Ok(()),
            _ => write!(f, "; the columns are named in line {}, below a title", self.line),
        }
    }
}

/// Finds the number column among these variable names: the wanted one, or the most likely one.
pub(crate) fn find_number(names: &[String], wanted: Option<&str>) -> Result<usize, Error> {
    let found = match wanted {
        Some(wanted) => names.iter().position(|name| *name == variable_name(wanted)),
        None => NUMBER_NAMES.iter().find_map(|known| names.iter().position(|name| name == known)),
    };
    found.ok_or_else(|| {
        let columns = listed(names);
        Error::BadList(match wanted {
            Some(wanted) => format!("there is no column '{wanted}'; the columns are {columns}"),
            None => format!(
                "no column looks like the phone number (the columns are {columns}); name it with --number-column"
            ),
        })
    })
}

/// Names for a sentence.
pub(crate) fn listed(names: &[String]) -> String {
    let some: Vec<&str> =
        names.iter().filter(|name| !name.is_empty()).take(SHOWN).map(String::as_str).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    some.join(", ") + more
}

fn shortened(name: &str) -> String {
    let mut letters = name.trim().chars();
    let shown: String = letters.by_ref().take(NAME_SHOWN).collect();
    if letters.next().is_some() { shown + "…" } else { shown }
}

/// A header with which `import` finds the numbers in the first of these columns: the original name, or another one if
/// that name would not be found. `None` if no name would.
pub fn export_header(number: Option<&str>, columns: &[String]) -> Option<Vec<String>> {
    let names: Vec<String> = columns.iter().map(|column| variable_name(column)).collect();
    number.into_iter().chain(["phone", "whatsapp", "msisdn"]).find_map(|number| {
        let all: Vec<String> = std::iter::once(variable_name(number)).chain(names.iter().cloned()).collect();
        let is_free = !names.contains(&all[0]);
        (is_free && find_number(&all, None).ok() == Some(0))
            .then(|| std::iter::once(number.to_owned()).chain(columns.iter().cloned()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_several_number_columns_the_most_likely_one_is_used() {
        for (header, number) in [
            (["phone", "first_name", "whatsapp"], 2),
            (["phone", "mobile", "name"], 1),
            (["tel", "phone_number_whatsapp", "mobile"], 1),
            (["first_name", "phone_1_value", "phone_2_value"], 1),
        ] {
            assert_eq!(find_number(&names(&header), None).unwrap(), number, "{header:?}");
        }
        assert_eq!(find_number(&names(&["phone", "whatsapp"]), Some("Phone")).unwrap(), 0);
    }

    #[test]
    fn the_used_and_unused_number_columns_are_shown() {
        let mut header = Header { number: "WhatsApp".into(), line: 3, ..Header::default() };
        assert_eq!(header.to_string(), "the numbers are those of column 'WhatsApp'");
        (header.passed_over, header.titles) = (names(&["Phone", "Tel"]), 1);
        assert_eq!(
            header.to_string(),
            "the numbers are those of column 'WhatsApp', not of 'Phone', 'Tel'; --number-column names another; the columns \
             are named in line 3, below a title"
        );
    }

    #[test]
    fn an_exported_header_is_imported_by_the_same_column() {
        for (number, columns, header) in [
            (Some("WhatsApp"), vec!["Phone", "Name"], Some(vec!["WhatsApp", "Phone", "Name"])),
            // The list was imported with --number-column.
            (Some("Line"), vec!["Name"], Some(vec!["phone", "Name"])),
            (Some("Phone"), vec!["Mobile"], Some(vec!["whatsapp", "Mobile"])),
            (Some("Phone"), vec!["WhatsApp"], Some(vec!["msisdn", "WhatsApp"])),
            (None, vec!["msisdn"], None),
        ] {
            let (columns, header) = (names(&columns), header.map(|header| names(&header)));
            assert_eq!(export_header(number, &columns), header, "{number:?} {columns:?}");
        }
    }
}
