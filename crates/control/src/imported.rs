//! The results of imports: counts, rejected rows, annotated lists.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use producer::{ImportReport, Numbers, Reason};
use serde::{Deserialize, Serialize};
use store::{Rejection, RejectionReport};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::access::right::Right;
use crate::control::Control;
use crate::error::{Error, Problem};

/// The rejected rows that commands show.
pub const SHOWN: u32 = 20;
/// A cell with fewer digits is no phone number.
const DIGITS_OF_NUMBER: usize = 7;

/// The result of importing a list of recipients. `uploaded` is the sum of `imported` and the rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedList {
    /// The number of the list in its campaign, from 1; only in the result of a job.
    #[serde(default)]
    pub list: Option<i64>,
    /// Rows of the list.
    pub uploaded: i32,
    /// Imported recipients.
    pub imported: i32,
    /// Rows whose number was there before.
    pub duplicates: i32,
    /// Rows whose number is on the suppression list.
    pub suppressed: i32,
    /// Rows whose number is in an excluded campaign.
    pub excluded: i32,
    /// Rows that were rejected.
    pub rejected: i32,
    /// Rows of a sheet that were ignored because they are hidden.
    #[serde(default)]
    pub hidden: i32,
    /// What was read from the header, as a sentence.
    #[serde(default)]
    pub header: String,
    /// The rejected rows by reason.
    #[serde(default)]
    pub reasons: Vec<RejectedRows>,
    /// The first rejected rows.
    #[serde(default)]
    pub first: Vec<RejectedRow>,
}

/// The result of importing a list of numbers into the suppression list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedNumbers {
    /// Numbers of the list, one for each person.
    pub numbers: i64,
    /// Numbers that were not suppressed before.
    pub added: i64,
    /// Rows that hold no number.
    pub rejected: i32,
    /// Rows of a sheet that were ignored because they are hidden.
    pub hidden: i64,
    /// What was read from the header, as a sentence.
    pub header: String,
    /// The rejected rows by reason.
    pub reasons: Vec<RejectedRows>,
    /// The first rejected rows.
    pub first: Vec<RejectedRow>,
}

/// Rejected rows with the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedRows {
    /// The reason, such as `too_short`.
    pub reason: String,
    /// Their number.
    pub rows: i32,
}

impl RejectedRows {
    /// The fault and what to do; the reason itself if this version does not know it.
    pub fn sentence(&self) -> &str {
        match Reason::of(&self.reason) {
            Some(reason) => reason.sentence(),
            None => &self.reason,
        }
    }
}

/// A rejected row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedRow {
    /// Line of the file, from 1, including the header.
    pub line: i32,
    /// The reason, such as `too_short`.
    pub reason: String,
    /// The column with the error, if it is not the number column.
    #[schema(required)]
    pub column: Option<String>,
    /// The cell of the number column, shortened; masked without the right `numbers`.
    pub number: String,
}

impl ImportedList {
    /// The result with the first rejected rows.
    pub fn of(report: ImportReport) -> Self {
        let (counts, left_out) = (report.counts, report.counts.left_out);
        Self {
            list: None,
            uploaded: counts.uploaded,
            imported: counts.imported,
            duplicates: left_out.duplicates,
            suppressed: left_out.suppressed,
            excluded: left_out.excluded,
            rejected: left_out.rejected,
            hidden: report.hidden,
            header: report.header.to_string(),
            reasons: reasons(&report.rejected.reasons),
            first: report.rejected.first.into_iter().map(RejectedRow::of).collect(),
        }
    }
}

impl ImportedNumbers {
    pub(crate) fn of(numbers: &Numbers, added: u64, caller: &Caller) -> Self {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let first = numbers.rejected.first.iter().cloned();
        Self {
            numbers: count(numbers.iter().count() as u64),
            added: count(added),
            rejected: numbers.rejected.total(),
            hidden: count(numbers.hidden),
            header: numbers.header.to_string(),
            reasons: reasons(&numbers.rejected.reasons),
            first: first.map(|row| RejectedRow::of(row).shown_to(caller)).collect(),
        }
    }
}

impl RejectedRow {
    /// A stored row, as the caller may see it.
    pub(crate) fn read(row: RejectionReport, caller: &Caller) -> Self {
        let RejectionReport { line, reason, column_name: column, cell: number } = row;
        Self { line, reason, column, number }.shown_to(caller)
    }

    fn of(row: Rejection) -> Self {
        Self { line: row.line, reason: row.reason.to_owned(), column: row.column, number: row.cell }
    }

    /// The same with the number masked if the caller may not see numbers.
    fn shown_to(self, caller: &Caller) -> Self {
        if caller.rights.has(Right::Numbers) {
            return self;
        }
        Self { number: masked(&self.number), ..self }
    }
}

fn reasons(rejected: &BTreeMap<Reason, i32>) -> Vec<RejectedRows> {
    let rows = |(reason, rows): (&Reason, &i32)| RejectedRows { reason: reason.word().into(), rows: *rows };
    rejected.iter().map(rows).collect()
}

/// A cell with its digits masked, except the first three and the last two, if it may be a number.
fn masked(cell: &str) -> String {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    if digits < DIGITS_OF_NUMBER {
        return cell.to_owned();
    }
    let mut nth = 0;
    let sign = |sign: char| {
        if !sign.is_ascii_digit() {
            return sign;
        }
        nth += 1;
        if nth <= 3 || nth > digits - 2 { sign } else { '*' }
    };
    cell.chars().map(sign).collect()
}

impl Control {
    /// The annotated list of an import, for the caller that has uploaded the list.
    pub async fn annotated_list(&self, caller: &Caller, job: i64) -> Result<Arc<File>, Error> {
        let found = self.job(caller, job).await?;
        if let Some(id) = found.campaign_id {
            let object = Object::Campaign(campaign::CampaignId(id));
            self.allow(caller, Action::ImportList, &object).await?;
        }
        // To its author the list discloses nothing.
        let may_read = found.actor == caller.name();
        if found.state == "running" {
            return Err(Error::conflict(format!(
                "job {job} is running; its annotated list follows at its end"
            )));
        }
        self.jobs.annotated.get(job).filter(|_| may_read).ok_or_else(|| {
            let text = format!(
                "there is no annotated list of job {job} here: only the server that imported the list has it, for 10 minutes, and only for \
                 the key that uploaded the list; GET /campaigns/ID/lists/LIST/rejections shows the rejected rows"
            );
            Error::refused(Problem::NotFound, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_may_be_a_number_is_masked() {
        for (cell, shown) in [
            ("+254 712 000001", "+254 *** ****01"),
            ("0712000001", "071*****01"),
            ("12", "12"),
            ("Anna 7", "Anna 7"),
        ] {
            assert_eq!(masked(cell), shown);
        }
    }
}
