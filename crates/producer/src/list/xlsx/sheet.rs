//! Reads the rows of a sheet one after the other.

use std::borrow::Cow;
use std::io::{Read, Seek};

use quick_xml::events::{BytesStart, Event};
use zip::read::ZipFile;

use crate::error::Error;
use crate::list::row::Row;
use crate::list::xlsx::cell::{number_cell, position, unescaped};
use crate::list::xlsx::damaged;
use crate::list::xlsx::formats::Formats;
use crate::list::xlsx::package::Package;
use crate::list::xlsx::texts::Texts;
use crate::list::xlsx::xml::{Xml, is_true, push_entity, raw_attribute};
use crate::reason::Reason;

/// The most bytes of a sheet, decompressed. A full sheet of a million rows with ten columns has half of it.
const SHEET_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// The last row of a sheet.
pub(crate) const LAST_ROW: u32 = 1_048_576;
/// The header is among these rows. Cells to the right of the widest of them have no column name and are dropped.
const NAMED_AMONG: u64 = 16;

/// What is needed to read the cells of a sheet.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) texts: &'a Texts,
    pub(crate) formats: &'a Formats,
    pub(crate) is_1904: bool,
    /// Whether hidden rows are read.
    pub(crate) include_hidden: bool,
}

/// A sheet that is being read.
pub(crate) struct Sheet<'a, R: Read + Seek> {
    xml: Xml<ZipFile<'a, R>>,
    context: Context<'a>,
    /// Whether the element for the rows is empty.
    is_empty: bool,
    /// The current row, from 1; 0 before the first.
    line: u32,
    is_in_row: bool,
    is_hidden: bool,
    row: Row,
    cell: Cell,
    given: u64,
    widest: usize,
    hidden: u64,
}

/// The current cell.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each comes from its own element, in any order")]
struct Cell {
    /// Its column, from 0.
    column: usize,
    style: Option<usize>,
    kind: CellKind,
    has_formula: bool,
    /// Whether there is an element for the value, which may be empty.
    has_value: bool,
    text: String,
    /// Whether the following text belongs to the value.
    is_open: bool,
    /// Whether the following text is the pronunciation of the value.
    is_reading: bool,
}

/// What an event ends.
enum Ended {
    Nothing,
    Cell,
    Row,
    Sheet,
}

/// How the value of a cell is written.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum CellKind {
    #[default]
    Number,
    Shared,
    Text,
    Inline,
    Bool,
    Date,
    Error,
}

impl<'a, R: Read + Seek> Sheet<'a, R> {
    /// Opens a sheet and reads up to its rows.
    pub(crate) fn open(package: &'a mut Package<R>, path: &str, context: Context<'a>) -> Result<Self, Error> {
        let mut xml = package.part(path, SHEET_LIMIT)?.ok_or_else(damaged)?;
        let is_empty = loop {
            match xml.next()? {
                Event::Start(element) if element.local_name().as_ref() == "sheetData" => break false,
                Event::Empty(element) if element.local_name().as_ref() == "sheetData" => break true,
                Event::Eof => return Err(damaged()),
                _ => {}
            }
        };
        Ok(Self {
            xml,
            context,
            is_empty,
            line: 0,
            is_in_row: false,
            is_hidden: false,
            row: Row::default(),
            cell: Cell::default(),
            given: 0,
            widest: 0,
            hidden: 0,
        })
    }

    /// Reads the rows; see `Xlsx::each_row`.
    pub(crate) fn each_row(
        mut self,
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<u64, Error> {
        while !self.is_empty {
            match self.step()? {
                Ended::Nothing => {}
                Ended::Cell => self.put()?,
                Ended::Row if self.end_row(each)? => {}
                Ended::Row => break,
                Ended::Sheet => {
                    self.xml.finish()?;
                    break;
                }
            }
        }
        Ok(self.hidden)
    }

    /// Reads the next event, and returns what it ends.
    fn step(&mut self) -> Result<Ended, Error> {
        let Self { xml, line, row, cell, is_in_row, is_hidden, .. } = self;
        match xml.next()? {
            Event::Start(element) => match element.local_name().as_ref() {
                "row" => {
                    (cell.column, *is_in_row) = (0, true);
                    *is_hidden = begin_row(&element, line, row)?;
                }
                "c" => cell.begin(&element, line, row)?,
                "f" => cell.has_formula = true,
                "v" => (cell.has_value, cell.is_open) = (true, cell.kind != CellKind::Inline),
                "is" => cell.has_value = true,
                "t" => cell.is_open = !cell.is_reading,
                "rPh" => cell.is_reading = true,
                _ => {}
            },
            Event::Empty(element) => match element.local_name().as_ref() {
                "row" => *is_hidden = begin_row(&element, line, row)?,
                "c" => {
                    cell.begin(&element, line, row)?;
                    cell.column += 1;
                }
                "f" => cell.has_formula = true,
                "v" | "is" => cell.has_value = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "row" => {
                    *is_in_row = false;
                    return Ok(Ended::Row);
                }
                "sheetData" if *is_in_row => return Err(damaged()),
                "sheetData" => return Ok(Ended::Sheet),
                "c" => return Ok(Ended::Cell),
                "v" | "t" => cell.is_open = false,
                "rPh" => cell.is_reading = false,
                _ => {}
            },
            Event::Text(part) if cell.is_open => cell.text.push_str(&part.xml10_content()),
            Event::CData(part) if cell.is_open => cell.text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) if cell.is_open => push_entity(&entity, &mut cell.text)?,
            Event::Eof => return Err(damaged()),
            _ => {}
        }
        Ok(Ended::Nothing)
    }

    /// Passes on a row, unless it is empty or hidden. Returns whether to go on.
    fn end_row(&mut self, each: &mut dyn FnMut(&Row) -> Result<bool, Error>) -> Result<bool, Error> {
        if self.row.is_blank() {
            return Ok(true);
        }
        if self.is_hidden && !self.context.include_hidden {
            self.hidden += 1;
            self.row.begin(0);
            return Ok(true);
        }
        self.given += 1;
        if self.given <= NAMED_AMONG {
            self.widest = self.widest.max(self.row.len());
        }
        let goes_on = each(&self.row)?;
        self.row.begin(0);
        Ok(goes_on)
    }

    /// Adds a cell in its column; sheets leave out empty cells.
    fn put(&mut self) -> Result<(), Error> {
        let Self { cell, row, context, .. } = self;
        let column = cell.column;
        cell.column += 1;
        if self.given >= NAMED_AMONG && column >= self.widest || column < row.len() {
            return Ok(());
        }
        let text: Cow<'_, str> = match cell.kind {
            CellKind::Error => {
                row.fault = Some(Reason::FormulaError);
                return Ok(());
            }
            // An empty text can be the result of a formula.
            CellKind::Text | CellKind::Inline if cell.has_value => unescaped(&cell.text),
            _ if cell.text.is_empty() => {
                if cell.has_formula {
                    row.fault = Some(Reason::FormulaNotCalculated);
                }
                return Ok(());
            }
            CellKind::Shared => {
                let index = cell.text.trim_ascii().parse().ok();
                index.and_then(|index| context.texts.get(index)).ok_or_else(damaged)?.into()
            }
            CellKind::Bool => match cell.text.trim_ascii() {
                "1" | "true" => "true".into(),
                "0" | "false" => "false".into(),
                _ => return Err(damaged()),
            },
            CellKind::Date | CellKind::Text | CellKind::Inline => (&*cell.text).into(),
            CellKind::Number => {
                let number = number_cell(&cell.text, context.formats.kind(cell.style), context.is_1904);
                number.map_or_else(|| (&*cell.text).into(), Cow::Owned)
            }
        };
        while row.len() < column {
            row.push(b"");
        }
        row.push(text.as_bytes());
        Ok(())
    }
}

/// Begins a row, whose number may be missing. Returns whether it is hidden.
fn begin_row(element: &BytesStart<'_>, line: &mut u32, row: &mut Row) -> Result<bool, Error> {
    let next = match raw_attribute(element, "r") {
        Some(number) => number.parse().ok().filter(|number| (1..=LAST_ROW).contains(number)),
        None => line.checked_add(1).filter(|next| *next <= LAST_ROW),
    };
    begin_line(next.ok_or_else(damaged)?, line, row)?;
    Ok(is_true(element, "hidden"))
}

fn begin_line(next: u32, line: &mut u32, row: &mut Row) -> Result<(), Error> {
    if next <= *line {
        let problem = "the rows of the sheet are not in order; save it again in Excel";
        return Err(Error::BadList(problem.into()));
    }
    *line = next;
    row.begin(u64::from(next));
    Ok(())
}

impl Cell {
    /// Begins a cell, whose reference may be missing.
    fn begin(&mut self, element: &BytesStart<'_>, line: &mut u32, row: &mut Row) -> Result<(), Error> {
        self.text.clear();
        (self.has_formula, self.has_value, self.is_open, self.is_reading) = (false, false, false, false);
        if let Some(reference) = raw_attribute(element, "r") {
            let (column, number) = position(reference).ok_or_else(damaged)?;
            self.column = column;
            // If the row has no number, its cells have.
            if number > *line && row.len() == 0 {
                begin_line(number, line, row)?;
            }
        }
        self.style = raw_attribute(element, "s").and_then(|style| style.parse().ok());
        self.kind = match raw_attribute(element, "t") {
            None | Some("n") => CellKind::Number,
            Some("s") => CellKind::Shared,
            Some("str") => CellKind::Text,
            Some("inlineStr" | "is") => CellKind::Inline,
            Some("b") => CellKind::Bool,
            Some("d") => CellKind::Date,
            Some("e") => CellKind::Error,
            Some(_) => return Err(damaged()),
        };
        Ok(())
    }
}
