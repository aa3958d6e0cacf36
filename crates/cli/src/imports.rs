//! `flowcast campaign import`: a list, with its progress and what is wrong in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use campaign::CampaignId;
use indicatif::{ProgressBar, ProgressStyle};
use producer::{ImportOptions, ImportReport, Progress};
use store::Store;

use crate::campaign_args::CampaignImport;
use crate::exit::Refused;
use crate::output::{line, table, thousands};

/// How many refused rows are shown; all of them are in the database.
const SHOWN: usize = 20;

pub(crate) async fn run(store: &Store, args: CampaignImport) -> anyhow::Result<()> {
    let message =
        store.campaign(args.id).await?.definition.compile().map_err(|error| Refused(error.to_string()))?;
    let options = ImportOptions {
        default_country: args.default_country,
        number_column: args.number_column,
        needed: message.variables().clone(),
    };
    let report = import(store, args.id, &args.list, options).await?;
    tell(&report);
    Ok(())
}

/// Imports with a line that counts.
pub(crate) async fn import(
    store: &Store,
    id: CampaignId,
    list: &Path,
    options: ImportOptions,
) -> anyhow::Result<ImportReport> {
    let progress = Arc::new(Progress::default());
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} importing: {human_pos} rows, {per_sec}") {
        bar.set_style(style);
    }
    let importing = producer::import(store, id, list, options, Arc::clone(&progress));
    let mut importing = std::pin::pin!(importing);
    let report = loop {
        tokio::select! {
            report = &mut importing => break report,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                bar.set_position(progress.rows.load(Ordering::Relaxed));
            }
        }
    };
    bar.finish_and_clear();
    report.map_err(|error| match error {
        producer::Error::BadList(_) | producer::Error::Unreadable { .. } => {
            Refused(format!("{}: {error}; nothing was imported", list.display())).into()
        }
        other => anyhow::Error::new(other),
    })
}

/// The counts, the reasons, and the first refused rows with line and reason.
pub(crate) fn tell(report: &ImportReport) {
    let counts = report.counts;
    line(format!(
        "{} rows: {} imported, {} duplicates, {} rejected",
        thousands(counts.uploaded),
        thousands(counts.imported),
        thousands(counts.duplicates),
        thousands(counts.rejected)
    ));
    let mut reasons: BTreeMap<&str, i64> = BTreeMap::new();
    for rejection in &report.rejections {
        *reasons.entry(rejection.reason).or_default() += 1;
    }
    for (reason, n) in reasons {
        line(format!("  {:>8}  {}", thousands(n), producer::reason_words(reason)));
    }
    if report.rejections.is_empty() {
        return;
    }
    line("");
    let rows: Vec<Vec<String>> = report
        .rejections
        .iter()
        .take(SHOWN)
        .map(|row| {
            vec![row.line.to_string(), row.cell.clone(), producer::reason_words(row.reason).to_owned()]
        })
        .collect();
    table(&["line", "number", "why not"], &rows);
    if report.rejections.len() > SHOWN {
        let more = report.rejections.len() - SHOWN;
        line(format!("… and {more} more; all of them are in the table import_rejection"));
    }
}
