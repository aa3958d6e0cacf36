//! The rejected rows of a list. They stay in a file of the temporary folder until the recipients are stored, because a
//! connection does one thing at a time. Memory must not grow with the number of faults.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};

use store::Rejection;

use crate::error::Error;
use crate::list::row::Row;
use crate::reason::Reason;
use crate::spool::{Spool, SpoolWriter};

/// The number of rows kept in memory, to show them.
const SHOWN: usize = 20;
/// The most characters of a rejected cell that are stored.
const CELL_KEPT: usize = 40;
/// Rows in a batch.
const BATCH: usize = 10_000;

/// Rejected rows that are being written.
#[derive(Debug)]
pub(crate) struct Rejects {
    file: BufWriter<SpoolWriter<File>>,
    pub(crate) summary: Rejected,
}

/// A summary of the rejected rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The number of rows by reason.
    pub reasons: BTreeMap<Reason, i32>,
    /// The first rejected rows.
    pub first: Vec<Rejection>,
}

impl Rejected {
    /// The number of rejected rows.
    pub fn total(&self) -> i32 {
        self.reasons.values().sum()
    }
}

impl Rejects {
    /// An empty collection.
    pub(crate) fn new(spool: &Spool) -> Result<Self, Error> {
        Ok(Self { file: BufWriter::new(spool.writer()?), summary: Rejected::default() })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, reason: Reason, rejection: Rejection) -> Result<(), Error> {
        *self.summary.reasons.entry(reason).or_default() += 1;
        let Rejection { line, column, cell, .. } = &rejection;
        serde_json::to_writer(&mut self.file, &(line, reason.word(), column, cell))
            .map_err(|error| Error::unreadable(error.into()))?;
        self.file.write_all(b"\n").map_err(Error::unreadable)?;
        if self.summary.first.len() < SHOWN {
            self.summary.first.push(rejection);
        }
        Ok(())
    }

    /// All rows, in batches.
    pub(crate) fn batches(self) -> Result<(Rejected, impl Iterator<Item = Vec<Rejection>>), Error> {
        let into = self.file.into_inner().map_err(|error| Error::unreadable(error.into_error()));
        let mut file = into?.file;
        file.rewind().map_err(Error::unreadable)?;
        let mut lines = BufReader::new(file).lines();
        let batches = std::iter::from_fn(move || {
            let batch: Vec<Rejection> =
                lines.by_ref().take(BATCH).filter_map(|line| read(&line.ok()?)).collect();
            (!batch.is_empty()).then_some(batch)
        });
        Ok((self.summary, batches))
    }
}

fn read(line: &str) -> Option<Rejection> {
    let (line, reason, column, cell): (i32, String, Option<String>, String) =
        serde_json::from_str(line).ok()?;
    Some(Rejection { line, reason: Reason::of(&reason)?.word(), column, cell })
}

/// A rejected row in the form in which it is stored.
pub(crate) fn rejection(row: &Row, reason: Reason, column: Option<String>, number: usize) -> Rejection {
    let cell = String::from_utf8_lossy(row.cell(number));
    let cell = cell.trim().replace('\0', "").chars().take(CELL_KEPT).collect();
    Rejection { line: row.line, reason: reason.word(), column, cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_rows_are_read_in_their_order() {
        let mut rejects = Rejects::new(&Spool::default()).unwrap();
        let rejection = |line| Rejection {
            line,
            reason: Reason::EmptyCell.word(),
            column: Some("name".into()),
            cell: "07\n12".into(),
        };
        for line in 0..25_000 {
            rejects.push(Reason::EmptyCell, rejection(line)).unwrap();
        }
        let (summary, batches) = rejects.batches().unwrap();
        assert_eq!((summary.total(), summary.first.len()), (25_000, SHOWN));
        let all: Vec<Rejection> = batches.flatten().collect();
        assert_eq!(all.len(), 25_000);
        assert_eq!(all[24_999], rejection(24_999));
    }
}
