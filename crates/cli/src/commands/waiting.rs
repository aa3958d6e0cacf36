//! `flowcast waiting`: waiting recipients, with the reason.

use control::{FailingJob, Waiting, utc};
use jiff::Timestamp;

use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

pub(crate) async fn run(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let plane = Plane::open(settings).await?;
    let waits = plane.waiting().await?;
    if json {
        line(serde_json::to_string_pretty(&waits)?);
        return Ok(());
    }
    if waits.is_empty() {
        line("no recipients are waiting");
    } else {
        print(&waits);
    }
    for job in plane.failing_jobs().await? {
        line(failing(&job));
    }
    Ok(())
}

fn print(waits: &[Waiting]) {
    let rows: Vec<Vec<String>> = waits
        .iter()
        .map(|wait| {
            vec![
                wait.sender.clone(),
                wait.campaign_id.map_or_else(|| "-".into(), |id| id.to_string()),
                thousands(wait.recipients),
                wait.reason.clone(),
                time(wait.since),
                time(wait.until),
                why(wait),
            ]
        })
        .collect();
    table(&["sender", "campaign", "waiting", "reason", "since", "until", "why"], &rows);
}

/// A maintenance job that fails, as a sentence.
fn failing(job: &FailingJob) -> String {
    let FailingJob { task, failures, succeeded_at, failed_at, error } = job;
    let succeeded = succeeded_at
        .map_or_else(|| "never succeeded".to_owned(), |at| format!("succeeded last at {}", utc(at)));
    let times =
        if *failures == 1 { "once".to_owned() } else { format!("{} times", thousands(i64::from(*failures))) };
    format!(
        "the maintenance job {task} failed {times}, at {} last, and {succeeded}: {error}",
        utc(*failed_at)
    )
}

/// One row as a sentence.
pub(crate) fn sentence(wait: &Waiting) -> String {
    let since = wait.since.map(|since| format!(", since {}", time(Some(since)))).unwrap_or_default();
    let until = wait.until.map(|until| format!(", until {}", time(Some(until)))).unwrap_or_default();
    format!("{} for {}{since}{until}: {}", thousands(wait.recipients), wait.reason, why(wait))
}

fn why(wait: &Waiting) -> String {
    let by = wait.caused_by.as_ref().map(|by| format!("stopped by {by}"));
    [by, wait.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// A time in UTC with seconds.
pub(crate) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".into(), utc)
}
