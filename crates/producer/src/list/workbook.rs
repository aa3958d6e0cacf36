//! Sheets of an `.xlsx` workbook, read cell by cell.
//!
//! **Invariants.** What the library below keeps in memory (shared texts, and one cell at a time) is measured before it is
//! read, so that a workbook made to burst memory is refused.

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};

use crate::error::Error;
use crate::list::row::{COLUMN_LIMIT, Row};
use crate::reason::Reason;

/// How a zip file, and so a workbook, begins.
pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";
/// Most bytes of everything but the sheets: texts shared by cells, styles, names.
const KEPT_LIMIT: u64 = 64 * 1024 * 1024;
/// Most bytes of all sheets. A full sheet of a million rows with ten columns has half of it.
const SHEETS_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// Longest text without a `<`; a cell holds 32,767 letters.
const TEXT_LIMIT: usize = 1024 * 1024;
/// From here on a spreadsheet itself does not know every digit.
const EXACT: f64 = 1e15;

/// What to do after a row.
pub(crate) type Each<'a> = dyn FnMut(&Row) -> Result<bool, Error> + 'a;

/// Reads the rows of a sheet, the first or the named one, until `each` has enough.
pub(crate) fn read(file: impl Read + Seek, wanted: Option<&str>, each: &mut Each<'_>) -> Result<(), Error> {
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let sheet = choose(&workbook.sheet_names(), wanted)?;
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(|error| broken(&error))?;
    let mut row = Row::default();
    let (mut current, mut columns) = (None, 0);
    while let Some(cell) = cells.next_cell().map_err(|error| broken(&error))? {
        let (line, column) = cell.get_position();
        if current != Some(line) {
            if current.is_some() && !finish(&mut row, &mut columns, each)? {
                return Ok(());
            }
            if current.is_some_and(|before| line < before) {
                return Err(Error::BadList(
                    "the rows of the sheet are not in order; save it again in Excel".into(),
                ));
            }
            current = Some(line);
            row.begin(u64::from(line) + 1);
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        put(&mut row, column, cell.get_value());
    }
    if current.is_some() {
        finish(&mut row, &mut columns, each)?;
    }
    Ok(())
}

/// Hands over a row that is not blank. Sheets leave out the empty cells at its end, so it is made as long as the first.
fn finish(row: &mut Row, columns: &mut usize, each: &mut Each<'_>) -> Result<bool, Error> {
    if row.is_blank() {
        return Ok(true);
    }
    while row.len() < *columns {
        row.push(b"");
    }
    if *columns == 0 {
        *columns = row.len();
    }
    each(row)
}

/// Puts a cell at its place; sheets leave out cells that are empty.
fn put(row: &mut Row, column: usize, value: &DataRef<'_>) {
    let text = match value {
        DataRef::Empty => return,
        DataRef::Error(_) => {
            row.fault = Some(Reason::FormulaError);
            return;
        }
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) => time_text(time),
    };
    if column > COLUMN_LIMIT || column < row.len() {
        return;
    }
    while row.len() < column {
        row.push(b"");
    }
    row.push(text.as_bytes());
}

/// A number without `E+`: a sheet keeps fifteen digits, whatever it shows.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < EXACT { format!("{number:.0}") } else { number.to_string() }
}

/// Date, time or both, as in ISO 8601. What counts hours is given in days, as the sheet has it.
fn time_text(time: &ExcelDateTime) -> String {
    if time.is_duration() {
        return number_text(time.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (hour, minute, second) {
        (0, 0, 0) => date,
        (hour, minute, 0) => format!("{date} {hour:02}:{minute:02}"),
        (hour, minute, second) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
    }
}

fn choose(sheets: &[String], wanted: Option<&str>) -> Result<String, Error> {
    let found = match wanted {
        Some(wanted) => sheets.iter().find(|sheet| sheet.trim().eq_ignore_ascii_case(wanted.trim())),
        None => sheets.first(),
    };
    found.cloned().ok_or_else(|| {
        let wanted = wanted.unwrap_or_default();
        Error::BadList(format!("there is no sheet '{wanted}'; the sheets are {}", sheets.join(", ")))
    })
}

/// Refuses what is no workbook, and one that would need too much memory.
pub(crate) fn measure(file: File) -> Result<(), Error> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|_| damaged())?;
    let (mut kept, mut sheets, mut is_workbook) = (0, 0, false);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| damaged())?;
        // Some write the names in capitals, or with the other slash.
        let name = entry.name().map_err(|_| damaged())?.to_lowercase().replace('\\', "/");
        is_workbook |= name == "xl/workbook.xml";
        let (sum, limit) = match name.as_str() {
            sheet if sheet.starts_with("xl/worksheets/") => (&mut sheets, SHEETS_LIMIT),
            // Pictures and the like are never read.
            other if !matches!(other.rsplit('.').next(), Some("xml" | "rels")) => continue,
            _ => (&mut kept, KEPT_LIMIT),
        };
        *sum += measure_entry(entry, limit - *sum)?;
    }
    if is_workbook {
        return Ok(());
    }
    let says = "this zip file is no Excel workbook; unpack it, or save the list as .xlsx or CSV";
    Err(Error::BadList(says.into()))
}

/// The true size of an entry, at most `limit`.
fn measure_entry(mut entry: impl Read, limit: u64) -> Result<u64, Error> {
    let too_large = || {
        let says = "the workbook needs too much memory to be read; save the list as CSV and import that";
        Error::BadList(says.into())
    };
    let (mut block, mut size, mut text) = (vec![0; 64 * 1024], 0, 0);
    loop {
        let read = entry.read(&mut block).map_err(|_| damaged())?;
        let Some(block) = block.get(..read).filter(|block| !block.is_empty()) else { return Ok(size) };
        text = match memchr::memrchr(b'<', block) {
            Some(last) => block.len() - last,
            None => text + block.len(),
        };
        size += u64::try_from(read).unwrap_or(0);
        if size > limit || text > TEXT_LIMIT {
            return Err(too_large());
        }
    }
}

fn damaged() -> Error {
    Error::BadList(
        "the workbook is damaged or was cut off on its way; open it in Excel and save it again".into(),
    )
}

fn broken(error: &XlsxError) -> Error {
    match error {
        XlsxError::Password => Error::BadList("the workbook has a password; save it without one".into()),
        XlsxError::WorksheetNotFound(_) | XlsxError::NotAWorksheet(_) => {
            Error::BadList("this sheet holds no cells; name another one with --sheet".into())
        }
        _ => damaged(),
    }
}
