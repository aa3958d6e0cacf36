//! The structure of a workbook: its sheets in order, and which of them are visible.

use std::io::{Read, Seek};

use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::list::xlsx::damaged;
use crate::list::xlsx::package::{ABOUT_LIMIT, Package, Relationship};
use crate::list::xlsx::xml::{attribute, is_true};

/// The most sheets of a workbook.
const MOST_SHEETS: usize = 10_000;
/// The most names in a sentence.
const SHOWN: usize = 20;

/// The parts of a workbook.
pub(crate) struct Book {
    /// The sheets with cells.
    pub(crate) sheets: Vec<SheetName>,
    /// The part with the shared texts.
    pub(crate) texts: String,
    /// The part with the formats.
    pub(crate) styles: String,
    /// Whether days are counted from 1904 and not from 1900.
    pub(crate) is_1904: bool,
}

/// A sheet.
#[derive(Debug)]
pub(crate) struct SheetName {
    pub(crate) name: String,
    pub(crate) is_hidden: bool,
    /// The name of the sheet's part.
    pub(crate) path: String,
}

/// The sheet that is read, and those that are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choice {
    /// The sheet's index, from 0.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) is_hidden: bool,
    /// The other visible sheets.
    pub(crate) others: Vec<String>,
    /// The other hidden sheets.
    pub(crate) hidden: Vec<String>,
}

impl Book {
    pub(crate) fn read<R: Read + Seek>(package: &mut Package<R>) -> Result<Self, Error> {
        let documents = package.relationships("")?;
        let document = documents.into_iter().find(|related| related.kind == "officeDocument");
        let path = document.map_or_else(|| "xl/workbook.xml".to_owned(), |document| document.target);
        if path.to_lowercase().ends_with(".bin") {
            return Err(Error::BadList("this is a binary workbook (.xlsb); save it as .xlsx".into()));
        }
        if !package.has(&path) {
            return Err(not_a_workbook(package));
        }
        let related = package.relationships(&path)?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let part = |kind: &str, usual: &str| {
            let found = related.iter().find(|related| related.kind == kind);
            found.map_or_else(|| format!("{folder}/{usual}"), |related| related.target.clone())
        };
        let (texts, styles) = (part("sharedStrings", "sharedStrings.xml"), part("styles", "styles.xml"));
        let mut book = Self { sheets: Vec::new(), texts, styles, is_1904: false };
        let mut xml = package.part(&path, ABOUT_LIMIT)?.ok_or_else(damaged)?;
        let mut is_workbook = None;
        loop {
            match xml.next()? {
                Event::Start(element) | Event::Empty(element) => {
                    let name = element.local_name();
                    is_workbook.get_or_insert(name.as_ref() == "workbook");
                    match name.as_ref() {
                        "sheet" => book.sheets.extend(sheet(&element, &related)?),
                        // Extensions have an element of the same name without this attribute.
                        "workbookPr" => book.is_1904 |= is_true(&element, "date1904"),
                        _ => {}
                    }
                }
                Event::Eof => break,
                _ => {}
            }
            if book.sheets.len() > MOST_SHEETS {
                return Err(Error::BadList(format!(
                    "the workbook has more than {MOST_SHEETS} sheets; keep one"
                )));
            }
        }
        drop(xml);
        match is_workbook {
            Some(false) => Err(not_a_workbook(package)),
            Some(true) if !book.sheets.is_empty() => Ok(book),
            _ => Err(damaged()),
        }
    }
}

/// The error for a zip file that is not a workbook.
fn not_a_workbook<R: Read + Seek>(package: &Package<R>) -> Error {
    let others = [
        ("word/document.xml", "this is a Word document"),
        ("ppt/presentation.xml", "this is a presentation"),
        ("content.xml", "this is an OpenDocument file"),
        ("Index/Document.iwa", "this is a file of Numbers or Pages"),
    ];
    match others.iter().find(|(part, _)| package.has(part)) {
        Some((_, problem)) => {
            Error::BadList(format!("{problem}; save the list as .xlsx or CSV and import that"))
        }
        None => Error::BadList(
            "this zip file is not an Excel workbook; unpack it, or save the list as .xlsx or CSV".into(),
        ),
    }
}

/// The sheet of an element, unless it is a chart or similar.
fn sheet(element: &BytesStart<'_>, related: &[Relationship]) -> Result<Option<SheetName>, Error> {
    let id = attribute(element, "id").ok_or_else(damaged)?;
    let part = related.iter().find(|related| related.id == id).ok_or_else(damaged)?;
    let is_hidden = attribute(element, "state").is_some_and(|state| state != "visible");
    let name = attribute(element, "name").unwrap_or_default();
    let sheet = || SheetName { name, is_hidden, path: part.target.clone() };
    Ok((part.kind == "worksheet").then(sheet))
}

/// Chooses the named sheet, hidden or not, or else the first visible one.
pub(crate) fn choose(sheets: &[SheetName], wanted: Option<&str>) -> Result<Choice, Error> {
    let index = match wanted {
        Some(wanted) => {
            let is_it = |sheet: &SheetName| sheet.name.trim().to_lowercase() == wanted.trim().to_lowercase();
            sheets.iter().position(is_it)
        }
        None => sheets.iter().position(|sheet| !sheet.is_hidden),
    };
    let names = |which: &dyn Fn(usize, &SheetName) -> bool| -> Vec<String> {
        let some = sheets.iter().enumerate().filter(|(index, sheet)| which(*index, sheet)).take(SHOWN);
        some.map(|(_, sheet)| sheet.name.clone()).collect()
    };
    let Some((index, sheet)) = index.and_then(|index| Some((index, sheets.get(index)?))) else {
        let all = names(&|_, _| true).join(", ");
        return Err(Error::BadList(match wanted {
            Some(wanted) => format!("there is no sheet '{wanted}'; the sheets are {all}"),
            None => format!("every sheet of the workbook is hidden; name one with --sheet (there are {all})"),
        }));
    };
    Ok(Choice {
        index,
        name: sheet.name.clone(),
        is_hidden: sheet.is_hidden,
        others: names(&|other, sheet| other != index && !sheet.is_hidden),
        hidden: names(&|other, sheet| other != index && sheet.is_hidden),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheets(names: &[(&str, bool)]) -> Vec<SheetName> {
        let sheet = |(name, is_hidden): &(&str, bool)| SheetName {
            name: (*name).into(),
            is_hidden: *is_hidden,
            path: String::new(),
        };
        names.iter().map(sheet).collect()
    }

    #[test]
    fn the_first_visible_sheet_or_the_named_sheet_is_read() {
        let all = sheets(&[("Old", true), ("People", false), ("Notes", false), ("Lists", true)]);
        let choice = choose(&all, None).unwrap();
        assert_eq!((choice.index, choice.name.as_str(), choice.is_hidden), (1, "People", false));
        assert_eq!(
            (choice.others, choice.hidden),
            (vec!["Notes".into()], vec!["Old".into(), "Lists".into()])
        );
        let choice = choose(&all, Some(" old")).unwrap();
        assert_eq!((choice.index, choice.is_hidden, choice.others.len()), (0, true, 2));
        let error = choose(&all, Some("Persons")).unwrap_err().to_string();
        assert_eq!(error, "there is no sheet 'Persons'; the sheets are Old, People, Notes, Lists");
        let error = choose(&sheets(&[("Old", true)]), None).unwrap_err().to_string();
        assert!(error.contains("every sheet of the workbook is hidden") && error.contains("Old"), "{error}");
    }
}
