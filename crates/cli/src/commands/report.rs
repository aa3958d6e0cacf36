//! `flowcast campaign status` and `report`, read from the report views.

use campaign::CampaignId;
use store::CampaignReport;

use crate::args::campaigns::Format;
use crate::commands::waiting;
use crate::plane::Plane;
use crate::terminal::output::{line, table, thousands};
use crate::terminal::progress;

/// Prints the progress of a campaign, in a line or as JSON, and why recipients wait.
pub(crate) async fn status(plane: &Plane, id: CampaignId, json: bool) -> anyhow::Result<()> {
    let report = plane.report(id).await?;
    if json {
        line(serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    line(format!("campaign {id} \"{}\" is {}", report.name, report.state));
    for (state, n) in counts(&report).into_iter().filter(|(_, n)| *n > 0) {
        line(format!("  {:>12}  {state}", thousands(n)));
    }
    for wait in plane.waiting_of(id).await? {
        line(format!("waits: {}", waiting::sentence(&wait)));
    }
    Ok(())
}

/// Prints the report of a campaign.
pub(crate) async fn report(plane: &Plane, id: CampaignId, format: Format) -> anyhow::Result<()> {
    let report = plane.report(id).await?;
    match format {
        Format::Json => line(serde_json::to_string_pretty(&report)?),
        Format::Csv => csv(&report)?,
        Format::Table => {
            print(&report);
            errors(plane, id).await?;
        }
    }
    Ok(())
}

/// The report as text.
pub(crate) fn print(report: &CampaignReport) {
    line(format!(
        "campaign {} \"{}\", sender {}, {}",
        report.campaign_id, report.name, report.sender, report.state
    ));
    line("");
    line(format!("  {:>12}  uploaded", thousands(report.uploaded)));
    for (state, n) in counts(report).into_iter().filter(|(_, n)| *n > 0) {
        line(format!("- {:>12}  {state}", thousands(n)));
    }
    line(format!(
        "= {:>12}  difference{}",
        thousands(report.difference),
        if report.difference == 0 { "" } else { " (must be 0!)" }
    ));
    line("");
    for (n, what) in [
        (report.delivered, "delivered"),
        (report.read, "read"),
        (report.undelivered, "reported as not delivered"),
        (report.answered, "answered"),
    ] {
        if n > 0 {
            line(format!("  {:>12}  {what}", thousands(n)));
        }
    }
    line(format!("  {:>12}  requests to the provider", thousands(report.attempts)));
    if let (Some(first), Some(last)) = (report.first_sent_at, report.last_recorded_at) {
        let seconds = last.duration_since(first).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let rate = report.attempts as f64 / seconds.max(0.001);
        line(format!("  {seconds:>12.1}  seconds from the first request to the last outcome"));
        line(format!("  {rate:>12.0}  requests a second"));
    }
    print_costs(report);
}

/// Prints the costs that are known.
fn print_costs(report: &CampaignReport) {
    let Some(currency) = &report.currency else { return };
    for (cost, what) in
        [(report.cost_estimated, "estimated"), (report.cost_billed, "billed, according to receipts")]
    {
        if let Some(cost) = cost {
            line(format!("  {:>12}  {currency} {what}", cost.to_string()));
        }
    }
    if report.unpriced > 0 {
        line(format!(
            "  {:>12}  accepted recipients of countries without a price",
            thousands(report.unpriced)
        ));
    }
}

/// Compares the counters of reports with a full count.
pub(crate) async fn check_counts(plane: &Plane) -> anyhow::Result<()> {
    let bar = progress::of_steps(0, "campaigns");
    let checked = plane
        .check_counts(|done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        })
        .await;
    bar.finish_and_clear();
    let miscounts = checked?.miscounts;
    if miscounts.is_empty() {
        line("all counters of all campaigns equal a full count");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = miscounts
        .into_iter()
        .map(|m| vec![m.campaign_id.to_string(), m.kind, thousands(m.counted), thousands(m.reported)])
        .collect();
    table(&["campaign", "kind", "counted", "reported"], &rows);
    anyhow::bail!("{} counts differ from the tables; report this as a defect", rows.len())
}

async fn errors(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let errors = plane.errors(id).await?;
    if errors.is_empty() {
        return Ok(());
    }
    line("");
    let rows: Vec<Vec<String>> = errors
        .into_iter()
        .map(|error| {
            vec![
                error.class,
                error.code.unwrap_or_default(),
                error.attempts.map(thousands).unwrap_or_default(),
                thousands(error.recipients),
                error.reason.unwrap_or_default(),
            ]
        })
        .collect();
    table(&["class", "code", "requests", "recipients", "reason"], &rows);
    Ok(())
}

/// Prints header and values of the view's row. Every value is a number, a time or one of our own words, except two
/// names, which are quoted.
fn csv(report: &CampaignReport) -> anyhow::Result<()> {
    let serde_json::Value::Object(columns) = serde_json::to_value(report)? else { return Ok(()) };
    let cell = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    line(columns.keys().map(String::as_str).collect::<Vec<_>>().join(","));
    line(columns.values().map(cell).collect::<Vec<_>>().join(","));
    Ok(())
}

/// A quoted text cell that no spreadsheet reads as a formula.
fn quoted(text: &str) -> String {
    format!("\"{}\"", producer::harmless(text).replace('"', "\"\""))
}

fn counts(report: &CampaignReport) -> [(&'static str, i64); 13] {
    [
        ("rejected", report.rejected),
        ("duplicates", report.duplicates),
        ("suppressed", report.suppressed),
        ("excluded", report.excluded),
        ("accepted", report.accepted),
        ("pending", report.pending),
        ("sending", report.sending),
        ("retry", report.retry),
        ("failed", report.failed),
        ("unknown", report.unknown),
        ("skipped", report.skipped),
        ("expired", report.expired),
        ("cancelled", report.cancelled),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
