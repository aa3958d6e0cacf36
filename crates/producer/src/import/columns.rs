//! Finds the number column of a list, and the variables of the other columns.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::error::Error;
use crate::import::header::{Header, find_number, listed};
use crate::list::column_names::variable_name;
use crate::list::row::COLUMN_LIMIT;

/// The column of an annotated list with the errors. It is a variable only if the message uses it.
const ERROR_COLUMN: &str = "error";

/// What the columns of a list must provide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// The number column, if the header has none of the usual names.
    pub(crate) number: Option<&'a str>,
    /// The variables that the message needs.
    pub(crate) needed: BTreeSet<String>,
    /// Values for variables whose cell is empty or missing.
    pub(crate) defaults: BTreeMap<String, String>,
}

/// The columns of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The index of the number column.
    pub(crate) number: usize,
    /// The variable of each column; the number column has none.
    pub(crate) variables: Vec<Option<Variable>>,
    /// Variables without a column, which have only a default.
    pub(crate) absent: Vec<(String, String)>,
    /// The index of the column with the errors of an earlier import.
    pub(crate) errors: Option<usize>,
    /// The names as in the list.
    pub(crate) header: Header,
}

/// The variable of a column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// Whether the message needs the variable.
    pub(crate) is_needed: bool,
    /// The value if the cell is empty.
    pub(crate) default: Option<String>,
}

impl Columns {
    /// Reads the header row.
    pub(crate) fn read(header: &[&str], wanted: &Wanted<'_>) -> Result<Self, Error> {
        if header.len() > COLUMN_LIMIT {
            return Err(Error::BadList(format!(
                "the list has more than {COLUMN_LIMIT} columns; keep the number and what the message needs"
            )));
        }
        if header.iter().any(|cell| is_number(cell)) {
            let problem = "the first row holds a phone number where the columns should be named; put a row of names above it, \
                        like phone, first_name";
            return Err(Error::BadList(problem.into()));
        }
        let names: Vec<String> = header.iter().map(|cell| variable_name(cell)).collect();
        let number = find_number(&names, wanted.number)?;
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().filter(|name| !name.is_empty()).find(|name| !seen.insert(*name)) {
            return Err(Error::BadList(format!("two columns are named '{name}'; rename one of them")));
        }
        let is_served = |name: &&String| seen.contains(name) || wanted.defaults.contains_key(*name);
        let missing: Vec<&str> =
            wanted.needed.iter().filter(|name| !is_served(name)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(Error::BadList(format!(
                "the message needs {}, but the list has only {}; add the column, or give the campaign a default under \
                 [defaults]",
                missing.join(", "),
                listed(&names)
            )));
        }
        let defaults = wanted.defaults.iter().filter(|(name, _)| !seen.contains(name));
        let absent = defaults.map(|(name, text)| (name.clone(), text.clone())).collect();
        let is_ours = !wanted.needed.contains(ERROR_COLUMN);
        let errors = names.iter().position(|name| name == ERROR_COLUMN).filter(|_| is_ours);
        // No message can use a column without a name.
        let is_variable =
            |index: usize, name: &str| index != number && Some(index) != errors && !name.is_empty();
        let variable = |name: String| Variable {
            is_needed: wanted.needed.contains(&name),
            default: wanted.defaults.get(&name).cloned(),
            name,
        };
        let variables = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| is_variable(index, &name).then(|| variable(name)))
            .collect();
        let header = Header::of(header, number);
        Ok(Self { number, variables, absent, errors, header })
    }
}

/// Whether this cell is a phone number and not a name. It must not appear in an error.
fn is_number(cell: &str) -> bool {
    let cell = cell.trim();
    cell.chars().filter(char::is_ascii_digit).count() >= 7 && !cell.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(number: Option<&'a str>, needed: &[&str], defaults: &[(&str, &str)]) -> Wanted<'a> {
        let defaults = defaults.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Wanted { number, needed: needed.iter().map(ToString::to_string).collect(), defaults }
    }

    fn names(columns: &Columns) -> Vec<Option<&str>> {
        columns
            .variables
            .iter()
            .map(|variable| variable.as_ref().map(|variable| variable.name.as_str()))
            .collect()
    }

    #[test]
    fn a_header_cell_becomes_a_variable_name() {
        for (cell, name) in [("First Name", "first_name"), (" Town (home) ", "town_home"), ("Größe", "größe")]
        {
            assert_eq!(variable_name(cell), name);
        }
    }

    #[test]
    fn the_number_column_is_found_by_its_name() {
        for (header, number) in
            [("Phone Number", 1), ("WhatsApp", 1), ("MSISDN", 1), ("Mobile No.", 1), ("Tel", 1)]
        {
            let columns =
                Columns::read(&["First name", header, "Town", ""], &wanted(None, &["town"], &[])).unwrap();
            assert_eq!(columns.number, number, "{header}");
            assert_eq!(names(&columns), [Some("first_name"), None, Some("town"), None]);
        }
    }

    #[test]
    fn a_default_replaces_a_missing_column() {
        let wanted = wanted(None, &["name", "town"], &[("name", "friend"), ("town", "your town")]);
        let columns = Columns::read(&["phone", "name", "error"], &wanted).unwrap();
        assert_eq!(columns.absent, [("town".to_owned(), "your town".to_owned())]);
        let name = columns.variables[1].as_ref().unwrap();
        assert_eq!((name.is_needed, name.default.as_deref()), (true, Some("friend")));
        assert_eq!((names(&columns), columns.errors), (vec![None, Some("name"), None], Some(2)));
    }

    #[test]
    fn a_first_row_of_data_is_refused_without_showing_it() {
        let error =
            Columns::read(&["Anna", "+254 712 000 001"], &wanted(None, &[], &[])).unwrap_err().to_string();
        assert!(error.starts_with("the first row holds a phone number"), "{error}");
        assert!(!error.contains("Anna") && !error.contains("712"), "{error}");
        assert!(Columns::read(&["phone", "visits_20260101"], &wanted(None, &[], &[])).is_ok());
    }

    #[test]
    fn a_list_without_the_columns_of_the_message_is_refused() {
        let refusal = |header: &[&str], column, message: &[&str]| {
            Columns::read(header, &wanted(column, message, &[])).unwrap_err().to_string()
        };
        assert_eq!(
            refusal(&["phone"], None, &["first_name"]),
            "the message needs first_name, but the list has only phone; add the column, or give the campaign a default \
             under [defaults]"
        );
        assert!(refusal(&["a", "b"], None, &[]).starts_with("no column looks like the phone number"));
        assert_eq!(refusal(&["a", "b"], Some("c"), &[]), "there is no column 'c'; the columns are a, b");
        assert_eq!(
            refusal(&["phone", "x", "X "], None, &[]),
            "two columns are named 'x'; rename one of them"
        );
        let many = vec!["x"; COLUMN_LIMIT + 1];
        assert!(refusal(&many, None, &[]).starts_with("the list has more than 16384 columns"));
    }
}
