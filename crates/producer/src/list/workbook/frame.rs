//! The frames that the process that reads a workbook writes to its pipe.
//!
//! **Invariants.** Whatever bytes come, reading a frame takes no more memory than the longest possible row.

use std::io::{Error, ErrorKind, Read, Result, Write};

use crate::list::row::{CELL_LIMIT, COLUMN_LIMIT, Row};
use crate::reason::Reason;

/// The longest text that is not a row, in bytes.
const TEXT_LIMIT: usize = 1024 * 1024;
/// The faults of a row of a sheet, numbered from 1.
const FAULTS: [Reason; 3] = [Reason::FormulaError, Reason::FormulaNotCalculated, Reason::CellTooLong];

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The chosen sheet, as JSON.
    Choice(String),
    /// A row, which is stored in the row that the caller provides.
    Row,
    /// The bytes of the file that were read.
    Read(u64),
    /// Why the workbook is refused, as a sentence.
    Refusal(String),
    /// The end, with the number of rows that were ignored because they are hidden.
    End(u64),
}

impl Frame {
    /// Writes this frame; [`write_row`] writes a row.
    pub(crate) fn write(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Self::Choice(text) => write_text(out, b'C', text),
            Self::Row => Ok(()),
            Self::Read(bytes) => write_number(out, b'P', *bytes),
            Self::Refusal(text) => write_text(out, b'X', text),
            Self::End(hidden) => write_number(out, b'E', *hidden),
        }
    }

    /// Reads the next frame. An end of the pipe is an error, because the last frame is always [`Frame::End`] or a
    /// refusal.
    pub(crate) fn read(from: &mut impl Read, row: &mut Row) -> Result<Self> {
        let [tag] = bytes(from)?;
        Ok(match tag {
            b'C' => Self::Choice(read_text(from)?),
            b'R' => {
                read_row(from, row)?;
                Self::Row
            }
            b'P' => Self::Read(u64::from_le_bytes(bytes(from)?)),
            b'X' => Self::Refusal(read_text(from)?),
            b'E' => Self::End(u64::from_le_bytes(bytes(from)?)),
            _ => return Err(invalid_frame()),
        })
    }
}

/// Writes a row.
pub(crate) fn write_row(out: &mut impl Write, row: &Row) -> Result<()> {
    let number = |fault| FAULTS.iter().position(|known| *known == fault).map_or(0, |index| index + 1);
    let fault = u8::try_from(row.fault.map_or(0, number)).unwrap_or(0);
    let cells = u16::try_from(row.len()).map_err(|_| invalid_frame())?;
    out.write_all(b"R")?;
    out.write_all(&row.line.to_le_bytes())?;
    out.write_all(&[fault])?;
    out.write_all(&cells.to_le_bytes())?;
    for cell in row.cells() {
        let length = u16::try_from(cell.len()).map_err(|_| invalid_frame())?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(cell)?;
    }
    Ok(())
}

fn read_row(from: &mut impl Read, row: &mut Row) -> Result<()> {
    let line = u32::from_le_bytes(bytes(from)?);
    let [fault] = bytes(from)?;
    let cells = u16::from_le_bytes(bytes(from)?);
    if usize::from(cells) > COLUMN_LIMIT + 1 {
        return Err(invalid_frame());
    }
    row.begin(line.into());
    let mut cell = [0; CELL_LIMIT];
    for _ in 0..cells {
        let length = usize::from(u16::from_le_bytes(bytes(from)?));
        let cell = cell.get_mut(..length).ok_or_else(invalid_frame)?;
        from.read_exact(cell)?;
        row.push(cell);
    }
    row.fault = usize::from(fault).checked_sub(1).and_then(|index| FAULTS.get(index).copied());
    Ok(())
}

fn write_number(out: &mut impl Write, tag: u8, number: u64) -> Result<()> {
    out.write_all(&[tag])?;
    out.write_all(&number.to_le_bytes())
}

fn write_text(out: &mut impl Write, tag: u8, text: &str) -> Result<()> {
    let text = text.get(..text.floor_char_boundary(TEXT_LIMIT)).unwrap_or(text);
    out.write_all(&[tag])?;
    out.write_all(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_text(from: &mut impl Read) -> Result<String> {
    let length = usize::try_from(u32::from_le_bytes(bytes(from)?)).unwrap_or(usize::MAX);
    if length > TEXT_LIMIT {
        return Err(invalid_frame());
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text)?;
    String::from_utf8(text).map_err(|_| invalid_frame())
}

fn bytes<const N: usize>(from: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid_frame() -> Error {
    Error::from(ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let mut written = Vec::new();
        let mut row = Row::default();
        row.begin(1_048_576);
        for cell in ["+254712000001", "", "Zoë"] {
            row.push(cell.as_bytes());
        }
        row.fault = Some(Reason::FormulaNotCalculated);
        let choice = Frame::Choice("{}".into());
        choice.write(&mut written).unwrap();
        write_row(&mut written, &row).unwrap();
        row.begin(7);
        row.push(&[b'x'; CELL_LIMIT + 1]);
        write_row(&mut written, &row).unwrap();
        let others = [Frame::Read(1 << 40), Frame::Refusal("no".into()), Frame::End(3)];
        for frame in &others {
            frame.write(&mut written).unwrap();
        }
        let (mut from, mut row_read) = (&written[..], Row::default());
        assert_eq!(Frame::read(&mut from, &mut row_read).unwrap(), choice);
        assert_eq!(Frame::read(&mut from, &mut row_read).unwrap(), Frame::Row);
        assert_eq!((row_read.line, row_read.fault), (1_048_576, Some(Reason::FormulaNotCalculated)));
        assert_eq!(row_read.cells().collect::<Vec<_>>(), [&b"+254712000001"[..], b"", "Zoë".as_bytes()]);
        assert_eq!(Frame::read(&mut from, &mut row_read).unwrap(), Frame::Row);
        assert_eq!(
            (row_read.line, row_read.cell(0).len(), row_read.fault),
            (7, CELL_LIMIT, Some(Reason::CellTooLong))
        );
        for frame in others {
            assert_eq!(Frame::read(&mut from, &mut row_read).unwrap(), frame);
        }
        assert_eq!(Frame::read(&mut from, &mut row_read).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn invalid_frames_are_refused_before_memory_is_allocated_for_them() {
        for written in [
            &b"Z"[..],
            b"C\xff\xff\xff\xff",
            b"R\x01\0\0\0\0\xff\xff",
            b"R\x01\0\0\0\0\x01\0\xff\xff",
            b"X\x01\0\0\0\xff",
        ] {
            let error = Frame::read(&mut &*written, &mut Row::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{written:?}");
        }
    }
}
