//! The answer to an upload.

use campaign::CampaignId;
use producer::{ImportReport, Reason};
use serde::Serialize;

/// The result of an import, by rows.
#[derive(Serialize)]
pub(crate) struct UploadReport {
    campaign_id: i64,
    /// The detected format of the list.
    form: String,
    /// The column with the phone numbers, and other columns whose names look like phone numbers.
    number_column: String,
    other_number_columns: Vec<String>,
    #[serde(flatten)]
    counts: Counts,
    /// Rows of the sheet that were skipped because they are hidden.
    hidden: i32,
    /// The number of rejected rows by reason.
    reasons: Vec<Refused>,
    /// The first rejected rows; all of them are in `report.import_rejection`.
    first_rejected: Vec<Row>,
}

#[derive(Serialize)]
struct Counts {
    uploaded: i32,
    imported: i32,
    duplicates: i32,
    suppressed: i32,
    excluded: i32,
    rejected: i32,
}

#[derive(Serialize)]
struct Refused {
    reason: &'static str,
    words: &'static str,
    rows: i32,
}

#[derive(Serialize)]
struct Row {
    line: i64,
    column: Option<String>,
    number: String,
    reason: &'static str,
}

impl UploadReport {
    pub(crate) fn of(CampaignId(campaign_id): CampaignId, form: String, report: &ImportReport) -> Self {
        let (counts, left_out) = (report.counts, report.counts.left_out);
        let counts = Counts {
            uploaded: counts.uploaded,
            imported: counts.imported,
            duplicates: left_out.duplicates,
            suppressed: left_out.suppressed,
            excluded: left_out.excluded,
            rejected: left_out.rejected,
        };
        let refused = |(reason, rows): (&Reason, &i32)| Refused {
            reason: reason.word(),
            words: reason.sentence(),
            rows: *rows,
        };
        let rows = report.rejected.first.iter().map(|row| Row {
            line: row.line.into(),
            column: row.column.clone(),
            number: row.cell.clone(),
            reason: row.reason,
        });
        Self {
            campaign_id,
            form,
            number_column: report.header.number.clone(),
            other_number_columns: report.header.passed_over.clone(),
            counts,
            hidden: report.hidden,
            reasons: report.rejected.reasons.iter().map(refused).collect(),
            first_rejected: rows.collect(),
        }
    }

    /// The counts alone, as JSON in one line.
    pub(crate) fn counts(&self) -> String {
        serde_json::to_string(&self.counts).unwrap_or_default()
    }
}
