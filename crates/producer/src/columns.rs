//! Which column of a list holds the number, and which variables the others are.

use std::collections::{BTreeSet, HashSet};

use crate::error::Error;

/// Names of a number column, as [`variable_name`] writes them; the first column that has one of them is it.
const NUMBER_NAMES: &[&str] = &[
    "msisdn",
    "phone",
    "phone_number",
    "mobile",
    "mobile_number",
    "number",
    "whatsapp",
    "whatsapp_number",
    "to",
    "tel",
    "telephone",
    "cell",
];

/// The columns of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Where the number stands.
    pub(crate) number: usize,
    /// Each column's variable; the number column has none.
    pub(crate) variables: Vec<Option<String>>,
}

impl Columns {
    /// Reads the header row. `number_column` names the number column when none of the usual names is in it; `needed`
    /// are the variables that the message cannot do without.
    pub(crate) fn read(
        header: &[&str],
        number_column: Option<&str>,
        needed: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let names: Vec<String> = header.iter().map(|cell| variable_name(cell)).collect();
        let number = find_number(&names, number_column)?;
        let mut seen = HashSet::new();
        for (index, name) in names.iter().enumerate() {
            let column = index + 1;
            if name.is_empty() {
                return Err(Error::BadList(format!("column {column} has no name; name it in the first row")));
            }
            if !seen.insert(name) {
                return Err(Error::BadList(format!("two columns are named '{name}'; rename one of them")));
            }
        }
        let missing: Vec<&str> =
            needed.iter().filter(|name| !seen.contains(name)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(Error::BadList(format!(
                "the message needs {}, but the list has only {}",
                missing.join(", "),
                names.join(", ")
            )));
        }
        let variables =
            names.into_iter().enumerate().map(|(index, name)| (index != number).then_some(name)).collect();
        Ok(Self { number, variables })
    }
}

fn find_number(names: &[String], wanted: Option<&str>) -> Result<usize, Error> {
    let found = match wanted {
        Some(wanted) => names.iter().position(|name| *name == variable_name(wanted)),
        None => NUMBER_NAMES.iter().find_map(|known| names.iter().position(|name| name == known)),
    };
    found.ok_or_else(|| {
        let columns = names.join(", ");
        Error::BadList(match wanted {
            Some(wanted) => format!("there is no column '{wanted}'; the columns are {columns}"),
            None => format!(
                "no column looks like the phone number (the columns are {columns}); name it with --number-column"
            ),
        })
    })
}

/// A header cell as a variable name: lower case, with `_` for everything that is no letter or digit.
pub(crate) fn variable_name(cell: &str) -> String {
    let spaced: String = cell
        .trim()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect::<String>()
        .to_lowercase();
    spaced.split_whitespace().collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
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
        let columns =
            Columns::read(&["First name", "Phone Number", "Town"], None, &needed(&["town"])).unwrap();
        assert_eq!(columns.number, 1);
        assert_eq!(columns.variables, [Some("first_name".into()), None, Some("town".into())]);
    }

    #[test]
    fn a_list_that_cannot_serve_the_message_is_refused() {
        let refusal = |header: &[&str], column, message: &[&str]| {
            Columns::read(header, column, &needed(message)).unwrap_err().to_string()
        };
        assert_eq!(
            refusal(&["phone"], None, &["first_name"]),
            "the message needs first_name, but the list has only phone"
        );
        assert!(refusal(&["a", "b"], None, &[]).starts_with("no column looks like the phone number"));
        assert_eq!(refusal(&["a", "b"], Some("c"), &[]), "there is no column 'c'; the columns are a, b");
        assert_eq!(
            refusal(&["phone", "x", "X "], None, &[]),
            "two columns are named 'x'; rename one of them"
        );
        assert_eq!(refusal(&["phone", ""], None, &[]), "column 2 has no name; name it in the first row");
    }
}
