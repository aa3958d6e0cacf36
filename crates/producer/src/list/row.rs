//! One row of a list of any format.

use crate::reason::Reason;

/// The longest cell, in bytes; WhatsApp accepts no text of that length.
pub(crate) const CELL_LIMIT: usize = 4096;
/// The most columns of a list, which is the limit of spreadsheets.
pub(crate) const COLUMN_LIMIT: usize = 16_384;

/// The cells of one row, in UTF-8 unless a letter is broken. Reused for every row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// The line of the file, or the row of the sheet, from 1.
    pub(crate) line: i32,
    /// Why the row is rejected, if the reader knows that already.
    pub(crate) fault: Option<Reason>,
    /// The delimiter of its cells, if there is one. With a delimiter, a surplus cell may be the rest of the cell before
    /// it.
    pub(crate) delimiter: Option<u8>,
    /// Whether a quoted cell spans several lines, which may be rows of their own.
    pub(crate) spans_lines: bool,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// Begins another row.
    pub(crate) fn begin(&mut self, line: u64) {
        self.line = i32::try_from(line).unwrap_or(i32::MAX);
        (self.fault, self.delimiter, self.spans_lines) = (None, None, false);
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a cell.
    pub(crate) fn push(&mut self, cell: &[u8]) {
        self.extend(cell);
        self.end_cell();
    }

    /// Adds a part of a cell. A cell that is too long is cut, and the row is rejected.
    pub(crate) fn extend(&mut self, part: &[u8]) {
        let start = self.ends.last().copied().unwrap_or(0);
        let free = (start + CELL_LIMIT).saturating_sub(self.text.len());
        if part.len() > free {
            self.fault = Some(Reason::CellTooLong);
        }
        self.text.extend_from_slice(part.get(..free).unwrap_or(part));
    }

    /// Ends a cell. Surplus cells of a row with too many cells are dropped, except one that shows this.
    pub(crate) fn end_cell(&mut self) {
        if self.ends.len() <= COLUMN_LIMIT {
            self.ends.push(self.text.len());
        } else {
            self.text.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }

    /// The number of cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at this index, from 0; empty if the row has fewer cells.
    pub(crate) fn cell(&self, index: usize) -> &[u8] {
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        let start = index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(end));
        self.text.get(start..end).unwrap_or_default()
    }

    /// The cells in order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// The texts of all cells, concatenated.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether all cells are empty, as in the rows that spreadsheets leave at the end.
    pub(crate) fn is_blank(&self) -> bool {
        self.fault.is_none() && self.text.trim_ascii().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_returns_its_cells() {
        let mut row = Row::default();
        for line in [1, 2] {
            row.begin(line);
            for cell in ["a", "", "bc"] {
                row.push(cell.as_bytes());
            }
        }
        assert_eq!((row.line, row.len()), (2, 3));
        assert_eq!(row.cells().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert_eq!((row.cell(2), row.cell(3)), (&b"bc"[..], &b""[..]));
        assert!(!row.is_blank() && row.fault.is_none());
        row.push(&[b'x'; CELL_LIMIT + 1]);
        assert_eq!((row.cell(3).len(), row.fault), (CELL_LIMIT, Some(Reason::CellTooLong)));
    }
}
