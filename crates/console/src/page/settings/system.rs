//! `/settings/system`: what feeds and sends each sender, dead letters, and the database. Nothing here is about one campaign.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Redirect;
use control::{DeadLetter, FailingJob, PageRequest, SenderSystem, SystemView};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::settings::tabs::{Tab, settings_tabs};
use crate::part::alert::done;
use crate::part::badge::badge;
use crate::part::button::{Weight, form};
use crate::part::card::{card, empty, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::{counted, thousands};
use crate::words::waiting::Reason;
use crate::words::{Tone, capital, time};

/// Dead letters of the page.
const LIMIT: u32 = 25;

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    redriven: Option<i64>,
    job: Option<i64>,
}

/// `GET /settings/system`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let system = console.control.system(&viewer.caller).await?;
    let newest = PageRequest { after: None, limit: Some(LIMIT) };
    let letters = console.control.dead_letters(&viewer.caller, &newest).await?;
    let check = match asked.job {
        Some(job) => Some(console.control.job(&viewer.caller, job).await?),
        None => None,
    };
    let note = html! {
        @if let Some(recipients) = asked.redriven {
            (done(&format!("{} will be published again. Dead letters of recipients that do not wait any more are left.", counted(recipients, "recipient", "recipients"))))
        }
    };
    Ok(draw(&viewer, &system, (&letters, check.as_ref()), &note))
}

/// `POST /settings/system/redrive`
pub(crate) async fn redrive(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
) -> Result<Redirect, Failure> {
    let redriven = console.control.redrive(&viewer.caller, None).await?.result;
    Ok(Redirect::to(&format!("/settings/system?redriven={}", redriven.waiting)))
}

/// `POST /settings/system/count-check`
pub(crate) async fn check_counts(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
) -> Result<Redirect, Failure> {
    let begun = console.control.begin_count_check(&viewer.caller).await?.result;
    Ok(Redirect::to(&format!("/settings/system?job={}#count-check", begun.job_id)))
}

fn draw(
    viewer: &Viewer,
    system: &SystemView,
    (letters, check): (&control::Page<DeadLetter>, Option<&control::Job>),
    note: &Markup,
) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::System))
        (note)
        (senders(system))
        (failing_jobs(viewer, &system.failing_jobs))
        div class="cols" { (database(system)) (count_check(check)) }
        (dead_letters(viewer, letters))
    };
    let summary = html! { "Flowcast " (system.version) " · schema " (system.schema) };
    Page { summary: Some(summary), ..Page::new("System", Section::Settings, body) }.draw(viewer)
}

fn senders(system: &SystemView) -> Markup {
    if system.senders.is_empty() {
        return flush(
            None,
            &empty("No sender yet", &html! { "Without a sender nothing is fed or sent." }, None),
        );
    }
    let columns = [
        column("Sender", Kind::Name),
        column("Producer", Kind::Text),
        column("Workers", Kind::Text),
        column("Open claims", Kind::Number),
        column("Due", Kind::Number),
        column("Overdue", Kind::Number),
        column("Unconfirmed", Kind::Number),
    ];
    let row = |sender: &SenderSystem| {
        vec![
            html! { span class="title" { (sender.sender) } },
            producer(sender),
            if sender.workers == 0 {
                badge(Tone::Bad, "None")
            } else {
                badge(Tone::Good, &counted(sender.workers.into(), "worker", "workers"))
            },
            html! { (thousands(i64::from(sender.open_claims))) },
            html! { (thousands(i64::from(sender.due))) },
            html! { @if sender.due > 0 { (format!("{:.0} s", sender.overdue_seconds)) } @else { "–" } },
            html! { (thousands(i64::from(sender.unknown))) },
        ]
    };
    let rows: Vec<Vec<Markup>> = system.senders.iter().map(row).collect();
    flush(Some("Processes"), &table("Producers and workers of each sender", &columns, &rows))
}

fn producer(sender: &SenderSystem) -> Markup {
    match (&sender.trouble, sender.has_producer) {
        (_, false) => badge(Tone::Bad, "None"),
        (Some(trouble), true) => {
            let word = Reason::of(trouble)
                .map_or_else(|| trouble.clone(), |reason| reason.fault().unwrap_or(trouble).to_owned());
            badge(Tone::Bad, &capital(&word))
        }
        (None, true) => badge(Tone::Good, "Feeding"),
    }
}

fn failing_jobs(viewer: &Viewer, jobs: &[FailingJob]) -> Markup {
    if jobs.is_empty() {
        return html! {};
    }
    let columns = [
        column("Job", Kind::Name),
        column("Failures", Kind::Number),
        column("Last success", Kind::Quiet),
        column("Error", Kind::Text),
    ];
    let row = |job: &FailingJob| {
        let succeeded = job.succeeded_at.map(|at| time::element(at, viewer.visit.now, &viewer.zone));
        vec![
            html! { span class="title" { (capital(&job.task.replace('_', " "))) } },
            html! { (thousands(i64::from(job.failures))) },
            succeeded.unwrap_or_else(|| html! { "never" }),
            html! { (job.error) },
        ]
    };
    let rows: Vec<Vec<Markup>> = jobs.iter().map(row).collect();
    flush(Some("Maintenance jobs that fail"), &table("Maintenance jobs that fail", &columns, &rows))
}

fn database(system: &SystemView) -> Markup {
    let whole = |name: &str| system.database.get(name).map(|value| format!("{value:.0}"));
    let size = system.database.get("database_bytes").map(|bytes| size(*bytes));
    let connections = whole("database_connections").zip(whole("database_max_connections"));
    let standbys = whole("database_sync_standbys").zip(whole("database_sync_standbys_wanted"));
    let body = html! {
        @if system.database.get("database_confirmed") == Some(&0.0) {
            p { (badge(Tone::Bad, "Not confirmed")) " Nothing is sent: PostgreSQL failed over or was restored. See " code { "flowcast database show" } "." }
        }
        dl class="facts" {
            @if let Some((open, most)) = connections { dt { "Connections" } dd { (open) " of " (most) } }
            @if let Some(size) = size { dt { "Size" } dd { (size) } }
            @if let Some((connected, wanted)) = standbys { dt { "Synchronous standbys" } dd { (connected) " of " (wanted) } }
            @if let Some(volumes) = whole("volumes") { dt { "Volumes of campaign tables" } dd { (volumes) } }
            @if let Some(campaigns) = whole("unarchived_campaigns") { dt { "Campaigns that are not archived" } dd { (campaigns) } }
            @if let Some(statuses) = whole("unmatched_statuses") { dt { "Receipts without a message" } dd { (statuses) } }
        }
    };
    card("Database", None, &body)
}

/// A number of bytes as people read it.
fn size(bytes: f64) -> String {
    if bytes < 1e9 { format!("{:.0} MB", bytes / 1e6) } else { format!("{:.1} GB", bytes / 1e9) }
}

fn count_check(check: Option<&control::Job>) -> Markup {
    let body = html! {
        p { "Counts every table again and compares it with the counters of the reports." }
        @if let Some(job) = check {
            p role="status" {
                @match job.state.as_str() {
                    "running" => { "Running: " (thousands(job.done)) @if let Some(total) = job.total { " of " (thousands(total)) } " campaigns. " a href={ "/settings/system?job=" (job.job_id) "#count-check" } { "Reload" } }
                    "done" => { (outcome(job)) }
                    _ => { "The check did not end: " (job.detail.as_deref().unwrap_or("it was interrupted")) "." }
                }
            }
        }
        @if check.is_none_or(|job| job.state != "running") { (form("/settings/system/count-check", "Compare counters", Weight::Plain)) }
    };
    html! { div id="count-check" { (card("Counters", None, &body)) } }
}

fn outcome(job: &control::Job) -> Markup {
    let result = job.result.as_ref();
    let campaigns = result.and_then(|result| result["campaigns"].as_i64()).unwrap_or(0);
    let wrong = result.and_then(|result| result["miscounts"].as_array()).map_or(0, Vec::len);
    html! {
        @if wrong == 0 { (badge(Tone::Good, "Difference 0")) " in " (counted(campaigns, "campaign", "campaigns")) }
        @else { (badge(Tone::Bad, &counted(i64::try_from(wrong).unwrap_or(i64::MAX), "counter differs", "counters differ"))) " See " code { "flowcast check-counts" } "." }
    }
}

fn dead_letters(viewer: &Viewer, letters: &control::Page<DeadLetter>) -> Markup {
    if letters.items.is_empty() {
        return flush(
            Some("Dead letters"),
            &empty("No dead letters", &html! { "No queue message was given up by RabbitMQ." }, None),
        );
    }
    let columns = [
        column("Queue", Kind::Name),
        column("Campaign", Kind::Text),
        column("Reason", Kind::Text),
        column("Last", Kind::Quiet),
        column("Deaths", Kind::Number),
    ];
    let at = |at| time::element(at, viewer.visit.now, &viewer.zone);
    let row = |letter: &DeadLetter| {
        vec![
            html! { span class="title" { (letter.queue) } small { "number " (letter.dead_letter_id) } },
            html! {
                @if let Some(campaign) = letter.campaign_id {
                    a href={ "/campaigns/" (campaign) } { "Campaign " (campaign) }
                    small { (counted(letter.recipients.into(), "recipient", "recipients")) }
                } @else { "no message of Flowcast" }
            },
            html! { (letter.reason.replace('_', " ")) @if letter.redriven_at.is_some() { small { "published again" } } },
            at(letter.last_died_at),
            html! { (thousands(letter.deaths)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = letters.items.iter().map(row).collect();
    html! {
        section class="card flush" {
            div class="row" {
                h2 { "Dead letters" }
                (form("/settings/system/redrive", "Publish again", Weight::Plain))
            }
            (table("Dead letters, the newest first", &columns, &rows))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    #[test]
    fn a_sender_without_a_process_is_seen_at_once() {
        let sender = |name: &str, workers, has_producer, trouble: Option<&str>| SenderSystem {
            sender: name.into(),
            has_producer,
            trouble: trouble.map(str::to_owned),
            workers,
            open_claims: 3,
            due: 1_200,
            overdue_seconds: 4.4,
            unknown: 0,
        };
        let system = SystemView {
            version: "0.1.0".into(),
            schema: 33,
            senders: vec![
                sender("ke", 2, true, None),
                sender("tz", 0, false, None),
                sender("ug", 1, true, Some("queue_blocked")),
            ],
            database: [
                ("database_connections".to_owned(), 41.0),
                ("database_max_connections".to_owned(), 100.0),
                ("database_confirmed".to_owned(), 0.0),
            ]
            .into(),
            failing_jobs: vec![FailingJob {
                task: "fold_counters".into(),
                failures: 12,
                succeeded_at: None,
                failed_at: viewer().visit.now,
                error: "the database is full".into(),
            }],
        };
        let none = control::Page { items: vec![], next: None };
        let page = draw(&viewer(), &system, (&none, None), &html! {}).into_string();
        for expected in [
            "2 workers",
            "Feeding",
            "1,200",
            "4 s",
            "41 of 100",
            "Not confirmed",
            "schema 33",
            "No dead letters",
            "Fold counters",
            "the database is full",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert_eq!(page.matches(">None<").count(), 2, "{page}");
    }
}
