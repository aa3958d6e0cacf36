//! Detects rows that are inside a quoted cell. If a quotation mark is missing or misplaced, a cell extends over the
//! next lines to the next quotation mark. One recipient would then get the names and numbers of others.
//!
//! **Invariants.** A list is refused as a whole if lines of a cell have the shape of its rows, because the number of
//! recipients is then unknown. The shape is the number of cells, with a number in the number column.

use crate::error::Error;
use crate::list::row::Row;

/// Fewer digits are not a phone number.
const FEWEST_DIGITS: usize = 7;

/// The number column of a list, and its number of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Columns of the first row.
    pub(crate) columns: usize,
    /// The number column, from 0.
    pub(crate) number: usize,
}

/// Refuses a list if a cell of this row contains other rows.
pub(crate) fn refuse(row: &Row, shape: Shape) -> Result<(), Error> {
    let Some(delimiter) = row.delimiter.filter(|_| row.spans_lines) else { return Ok(()) };
    find(row, |index, cell| holds_rows(cell, (index, row.len()), delimiter, shape))
}

/// Refuses a first row that contains other rows; the number column is not known yet.
pub(crate) fn refuse_header(header: &Row) -> Result<(), Error> {
    let Some(delimiter) = header.delimiter.filter(|_| header.spans_lines) else { return Ok(()) };
    find(header, |_, cell| {
        let mut lines = cell.split(|byte| *byte == b'\n').skip(1);
        lines.any(|line| line.split(|byte| *byte == delimiter).any(is_number))
    })
}

fn find(row: &Row, is_wrong: impl Fn(usize, &[u8]) -> bool) -> Result<(), Error> {
    let mut opened = row.line;
    for (index, cell) in row.cells().enumerate() {
        let lines = i32::try_from(memchr::memchr_iter(b'\n', cell).count()).unwrap_or(i32::MAX);
        if lines > 0 && is_wrong(index, cell) {
            return Err(Error::BadList(format!(
                "the quotation mark that opens a cell in line {opened} is closed in line {} or later, with rows of the list \
                 in between; close it where the cell ends, or remove it",
                opened.saturating_add(lines)
            )));
        }
        opened = opened.saturating_add(lines);
    }
    Ok(())
}

/// Whether lines of a cell, the one at `index` of `cells`, have the shape of rows, or of the parts of rows that they
/// would be.
fn holds_rows(cell: &[u8], (index, cells): (usize, usize), delimiter: u8, shape: Shape) -> bool {
    let Shape { columns, number } = shape;
    let lines: Vec<Vec<&[u8]>> = cell
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == delimiter).collect())
        .collect();
    let [first, inner @ .., last] = &lines[..] else { return false };
    if columns < 2 {
        return !inner.is_empty() && lines.iter().flatten().all(|part| is_number(part));
    }
    // A number alone is the row's own, or one of two people, unless the row has too many cells.
    let has_number = |parts: &[&[u8]], at: usize| {
        parts.get(at).is_some_and(|part| is_number(part)) && (parts.len() > 1 || cells > columns)
    };
    // The first line would be the end of a row, from this cell on; spreadsheets leave out empty cells at the end.
    let begins = number
        .checked_sub(index)
        .is_some_and(|at| has_number(first, at) && first.len() <= columns.saturating_sub(index));
    let goes_on = inner.iter().any(|parts| has_number(parts, number) && parts.len() <= columns);
    // The last line would be the beginning of a row, whose other cells follow in this row.
    let least = (index + columns + 1).saturating_sub(cells);
    let ends = has_number(last, number) && (least..=columns).contains(&last.len());
    begins || goes_on || ends
}

fn is_number(part: &[u8]) -> bool {
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= FEWEST_DIGITS && !part.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::delimited::{Delimited, Dialect};

    /// Reads a list with this number column and returns the error.
    fn refusal(list: &str, number: usize) -> Option<String> {
        let mut rows = Delimited::new(list.as_bytes(), Dialect::of(list.as_bytes())).unwrap();
        let mut row = Row::default();
        let mut read = || -> Result<(), Error> {
            rows.read(&mut row)?;
            refuse_header(&row)?;
            let shape = Shape { columns: row.len(), number };
            while rows.read(&mut row)? {
                refuse(&row, shape)?;
            }
            Ok(())
        };
        read().err().map(|error| error.to_string())
    }

    #[test]
    fn a_stray_quotation_mark_that_swallows_rows_is_found_in_any_place() {
        let rows = |columns: &[&str], number: usize| -> Vec<Vec<String>> {
            let row = |n: usize| {
                let cell = |(index, name): (usize, &&str)| {
                    if index == number { format!("+25471200000{n}") } else { format!("{name} {n}") }
                };
                columns.iter().enumerate().map(cell).collect()
            };
            (0..8).map(row).collect()
        };
        let columns = ["one", "two", "three"];
        let mut tried = 0;
        for number in 0..columns.len() {
            for (opened, closed) in (0..3).flat_map(|opened| (0..3).map(move |closed| (opened, closed))) {
                for (swallowed, at_end) in (1..4).flat_map(|n| [(n, true), (n, false)]) {
                    let mut rows = rows(&columns, number);
                    rows[2][opened].insert(0, '"');
                    let cell = &mut rows[2 + swallowed][closed];
                    cell.insert(if at_end { cell.len() } else { 0 }, '"');
                    // The number of neither row is inside the cell. The remaining row has too many cells and is
                    // rejected alone.
                    if swallowed == 1 && at_end && opened > number && number > closed {
                        continue;
                    }
                    let text: String = rows.iter().map(|row| row.join(",") + "\n").collect();
                    let list = columns.join(",") + "\n" + &text;
                    let problem = refusal(&list, number);
                    assert!(
                        problem
                            .as_ref()
                            .is_some_and(|problem| problem.contains("in line 4 is closed in line")),
                        "{problem:?}\n{list}"
                    );
                    tried += 1;
                }
            }
        }
        assert!(tried > 120, "{tried}");
    }

    #[test]
    fn a_cell_of_several_lines_that_are_not_rows_is_read() {
        for list in [
            "phone,name,address\n+254712000001,Anna,\"12, High Street\nNairobi, 00100\"\n",
            "phone,name,note\n+254712000001,Anna,\"Dear Anna,\nplease call,\nthanks\"\n",
            "phone,name,note\n+254712000001,Anna,\"call\n0712000002\"\n",
            "phone,name,note\n+254712000001,Anna,\"call\n0712000002, ask Ben\"\n",
            "phone,name\n\"0712000001\n0712000002\",Anna\n",
            "phone,\"First\nname\"\n+254712000001,\"An\nna\"\n",
            "phone\n\"0712000001\n0712000002\"\n",
        ] {
            assert_eq!(refusal(list, 0), None, "{list}");
        }
    }

    #[test]
    fn the_first_row_and_a_list_of_one_column_are_checked_too() {
        let header = "phone,\"name\n+254712000001,Anna\n+254712000002,\"Ben\"\n";
        assert!(refusal(header, 0).unwrap().contains("in line 1 is closed in line 3"));
        let header = "phone,\"name\n+254712000001,Anna\"\n+254712000002,Ben\n";
        assert!(refusal(header, 0).unwrap().contains("in line 1 is closed in line 2"));
        let column = "phone\n\"0712000001\n0712000002\n0712000003\"\n";
        assert!(refusal(column, 0).unwrap().contains("in line 2 is closed in line 4"));
    }
}
