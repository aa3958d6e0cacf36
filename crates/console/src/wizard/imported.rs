//! The result of an import: where each row is, and what to do about rejected rows.

use control::{ImportedList, Job, ListReport, RejectedRow};
use maud::{Markup, html};

use crate::frame::sentence;
use crate::part::button::{Weight, link};
use crate::part::card::card;
use crate::part::table::{Kind, column, table};
use crate::wizard::Step;
use crate::words::capital;
use crate::words::number::{counted, thousands};

/// The reason of a number without a country code.
const NO_COUNTRY: &str = "no_country_code";

/// A list with what is known of its import.
pub(crate) struct Imported {
    pub(crate) report: ListReport,
    /// The job, while jobs are kept.
    pub(crate) job: Option<Job>,
    /// The first rejected rows.
    pub(crate) rejected: Vec<RejectedRow>,
    /// Whether this server still has the list with its errors.
    pub(crate) has_annotated: bool,
}

impl Imported {
    fn result(&self) -> Option<ImportedList> {
        self.job.as_ref()?.result.as_ref().and_then(|result| serde_json::from_value(result.clone()).ok())
    }

    /// Whether numbers were rejected that a country would complete.
    pub(crate) fn lacks_country(&self) -> bool {
        self.result().is_some_and(|result| result.reasons.iter().any(|row| row.reason == NO_COUNTRY))
    }

    /// The card of the list. An older list shows its sum; what was wrong with it is folded.
    pub(crate) fn draw(&self, id: i64, is_newest: bool) -> Markup {
        let report = &self.report;
        let result = self.result();
        let format = report.form.as_deref().unwrap_or_default();
        let body = html! {
            p class="hint" {
                (capital(format))
                @if report.hidden > 0 { ", " (counted(report.hidden.into(), "hidden row", "hidden rows")) " not read" }
                @match (result.as_ref().map(|result| result.header.as_str()), &report.number_column) {
                    (Some(header), _) if !header.is_empty() => { ". " (sentence(header)) }
                    (_, Some(column)) => { ", numbers in column “" (column) "”" }
                    (_, None) => {}
                }
            }
            (balance(report))
            @if report.rejected > 0 {
                @if is_newest { (self.errors(id, result.as_ref())) }
                @else { details class="more" { summary { "What was rejected" } div class="stack" { (self.errors(id, result.as_ref())) } } }
            }
        };
        card(&report.source, None, &body)
    }

    fn errors(&self, id: i64, result: Option<&ImportedList>) -> Markup {
        html! {
            @if let Some(result) = result.filter(|result| !result.reasons.is_empty()) { (self.reasons(id, result)) }
            (self.mend(id))
        }
    }

    fn reasons(&self, id: i64, result: &ImportedList) -> Markup {
        let columns = [
            column("Why and what to do", Kind::Name),
            column("Example", Kind::Text),
            column("Rows", Kind::Number),
        ];
        let rows: Vec<Vec<Markup>> = result
            .reasons
            .iter()
            .map(|reason| {
                let example = self.rejected.iter().find(|row| row.reason == reason.reason);
                vec![
                    html! {
                        @match reason.reason.as_str() {
                            "empty_cell" => { "A cell that the message needs is empty; fill it, or " a href={ (Step::Message.address(id)) "#defaults" } { "write a text for empty cells" } "." }
                            NO_COUNTRY => { "The number has no country code; " a href="#f-default_country" { "choose the country" } " and upload the same file again." }
                            _ => { (sentence(reason.sentence())) }
                        }
                    },
                    html! {
                        @if let Some(row) = example {
                            "line " (row.line) ": "
                            @if let Some(column) = &row.column { "column “" (column) "”" }
                            @else if row.number.is_empty() { "empty cell" }
                            @else { code { (row.number) } }
                        }
                    },
                    html! { (thousands(reason.rows)) },
                ]
            })
            .collect();
        table("Rejected rows by reason", &columns, &rows)
    }

    fn mend(&self, id: i64) -> Markup {
        html! {
            @if let (true, Some(job)) = (self.has_annotated, &self.job) {
                div class="actions" {
                    (link(&format!("/campaigns/{id}/list/annotated/{}", job.job_id), "Download the list with its errors", Weight::Plain))
                }
                p class="hint" {
                    "Correct the rows in the downloaded file and upload the whole file again: recipients that were imported count as duplicates and get one message. "
                    "The file is kept for 10 minutes, for you only."
                }
            } @else {
                p class="hint" {
                    "The list with its errors is kept for 10 minutes, for the person who uploaded it. To get it again, upload the same file and check “Import the list even if…”."
                }
            }
        }
    }
}

/// Rows = recipients + rejected + duplicates + suppressed + excluded.
fn balance(report: &ListReport) -> Markup {
    let parts = [
        (report.imported, if report.imported == 1 { "recipient" } else { "recipients" }, "is-good"),
        (report.rejected, "rejected", "is-bad"),
        (report.duplicates, "duplicates", ""),
        (report.suppressed, "suppressed", ""),
        (report.excluded, "in excluded campaigns", ""),
    ];
    html! {
        p class="equation" {
            span { b { (thousands(report.uploaded)) } " rows" }
            @for (n, (rows, what, class)) in parts.into_iter().enumerate() {
                span class=(class) { (if n == 0 { "= " } else { "+ " }) b { (thousands(rows)) } " " (what) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wizard::import_job::tests::job;

    fn imported(rejected: i32) -> Imported {
        let report = ListReport {
            list: 1,
            source: "<b>.xlsx".into(),
            form: Some("Excel workbook, sheet 'A'".into()),
            number_column: Some("Phone".into()),
            uploaded: 1_000,
            imported: 990 - rejected,
            duplicates: 5,
            suppressed: 3,
            excluded: 2,
            rejected,
            hidden: 4,
            imported_at: "2026-11-30T11:02:21Z".parse().unwrap(),
        };
        let result = serde_json::json!({
            "list": 1, "uploaded": 1000, "imported": 980, "duplicates": 5, "suppressed": 3, "excluded": 2, "rejected": 10,
            "reasons": [{"reason": "number_too_short", "rows": 8}, {"reason": "of_later_version", "rows": 2}],
        });
        let example =
            RejectedRow { line: 17, reason: "number_too_short".into(), column: None, number: "12<".into() };
        let job = Job { result: Some(result), ..job("done") };
        Imported { report, job: Some(job), rejected: vec![example], has_annotated: true }
    }

    #[test]
    fn every_row_is_in_the_sum_and_each_reason_has_an_example_and_a_remedy() {
        let drawn = imported(10).draw(7, true).into_string();
        for expected in [
            "&lt;b&gt;.xlsx",
            "<b>1,000</b> rows",
            "= <b>980</b> recipients",
            "+ <b>10</b> rejected",
            "+ <b>5</b> duplicates",
            "+ <b>3</b> suppressed",
            "+ <b>2</b> in excluded campaigns",
            "4 hidden rows not read",
            "line 17: <code>12&lt;</code>",
            "Of_later_version.",
            r#"href="/campaigns/7/list/annotated/9""#,
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        assert!(!drawn.contains("Number_too_short"), "a reason is a sentence: {drawn}");
    }

    #[test]
    fn a_list_without_its_annotated_file_says_how_to_get_it() {
        let gone = Imported { has_annotated: false, ..imported(10) }.draw(7, true).into_string();
        assert!(!gone.contains("/annotated/") && gone.contains("kept for 10 minutes"), "{gone}");
        assert!(!imported(0).draw(7, true).into_string().contains("/annotated/"));
    }

    #[test]
    fn an_older_list_folds_what_was_wrong_and_missing_country_codes_lead_to_the_country() {
        let mut list = imported(10);
        let older = list.draw(7, false).into_string();
        assert!(
            older.contains("<summary>What was rejected</summary>") && older.contains("<b>980</b>"),
            "{older}"
        );
        assert!(!list.draw(7, true).into_string().contains("<details") && !list.lacks_country());
        let result = serde_json::json!({
            "list": 1, "uploaded": 11, "imported": 1, "duplicates": 0, "suppressed": 0, "excluded": 0, "rejected": 10,
            "reasons": [{"reason": "no_country_code", "rows": 9}, {"reason": "empty_cell", "rows": 1}],
        });
        list.job = Some(Job { result: Some(result), ..job("done") });
        list.report.imported = 1;
        let drawn = list.draw(7, true).into_string();
        assert!(list.lacks_country() && drawn.contains("<b>1</b> recipient<"), "{drawn}");
        for expected in [
            r##"href="#f-default_country""##,
            "/campaigns/7/message#defaults",
            "write a text for empty cells",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        assert!(!drawn.contains("[defaults]"), "{drawn}");
    }
}
