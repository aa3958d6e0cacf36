//! One row of a list, whatever the list is written in.

use crate::reason::Reason;

/// Longest cell that is taken, in bytes; WhatsApp takes no text that long.
pub(crate) const CELL_LIMIT: usize = 4096;
/// Most columns of a list; a spreadsheet has no more.
pub(crate) const COLUMN_LIMIT: usize = 16_384;

/// The cells of one row, in UTF-8 or at least meant to be. Reused from row to row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// The line of the file, or the row of the sheet, from 1.
    pub(crate) line: i32,
    /// Why nobody can be read from it, when that is known already.
    pub(crate) fault: Option<Reason>,
    /// What divides its cells, if anything does; then a cell too many may be the rest of the one before.
    pub(crate) delimiter: Option<u8>,
    /// A quoted cell of it spans several lines, which may be rows of their own.
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

    /// Adds a part of a cell. A cell that is too long is cut and makes the row a refused one.
    pub(crate) fn extend(&mut self, part: &[u8]) {
        let start = self.ends.last().copied().unwrap_or(0);
        let free = (start + CELL_LIMIT).saturating_sub(self.text.len());
        if part.len() > free {
            self.fault = Some(Reason::CellTooLong);
        }
        self.text.extend_from_slice(part.get(..free).unwrap_or(part));
    }

    /// Ends a cell. Of a row with too many of them only so many are kept that this shows.
    pub(crate) fn end_cell(&mut self) {
        if self.ends.len() <= COLUMN_LIMIT {
            self.ends.push(self.text.len());
        } else {
            self.text.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }

    /// How many cells it has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at this place, from 0; empty if the row ends before.
    pub(crate) fn cell(&self, index: usize) -> &[u8] {
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        let start = index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(end));
        self.text.get(start..end).unwrap_or_default()
    }

    /// The cells in their order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// All cells one after the other.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether nothing is in it, as in the rows that spreadsheets leave at the end.
    pub(crate) fn is_blank(&self) -> bool {
        self.fault.is_none() && self.text.trim_ascii().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_its_cells_back() {
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
