//! Reads only the numbers of a list, as for the suppression list.

use std::sync::atomic::AtomicU64;

use campaign::Msisdn;
use roaring::RoaringTreemap;

use crate::error::Error;
use crate::import::check::Refusal;
use crate::import::header::Header;
use crate::import::header_search::Search;
use crate::import::options::ImportOptions;
use crate::import::rejected_rows::{Rejected, Rejects, rejection};
use crate::list::List;
use crate::list::unclosed_quote;

/// The numbers of a list.
#[derive(Debug)]
pub struct Numbers {
    distinct: RoaringTreemap,
    /// The rejected rows.
    pub rejected: Rejected,
    /// Rows of the sheet that were ignored because they are hidden.
    pub hidden: u64,
    /// What was read from the header.
    pub header: Header,
}

impl Numbers {
    /// The numbers, one for each person, in order.
    pub fn iter(&self) -> impl Iterator<Item = Msisdn> {
        self.distinct.iter().filter_map(Msisdn::from_digits)
    }
}

/// Reads the numbers of a list.
pub fn read_numbers(list: &List, options: &ImportOptions) -> Result<Numbers, Error> {
    let (mut distinct, mut rejects) = (RoaringTreemap::new(), Rejects::new(list.spool())?);
    let (mut search, mut checker) = (Search::default(), None);
    let mut header = Header::default();
    let hidden = list.each_row(&AtomicU64::new(0), &mut |row| {
        let Some(checker) = &checker else {
            checker = search.read(row, options)?;
            header = checker.as_ref().map(|checker| checker.columns.header.clone()).unwrap_or_default();
            return Ok(true);
        };
        unclosed_quote::refuse(row, checker.shape())?;
        match checker.number(row) {
            Ok(msisdn) => {
                distinct.insert(msisdn.person().digits());
            }
            Err(Refusal { reason, column }) => {
                rejects.push(reason, rejection(row, reason, column, checker.columns.number))?;
            }
        }
        Ok(true)
    })?;
    search.end()?;
    Ok(Numbers { distinct, rejected: rejects.summary, hidden, header })
}
