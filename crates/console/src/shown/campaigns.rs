//! The live parts of the list of campaigns. The page and the stream draw them with these functions.

use std::collections::BTreeSet;

use campaign::StopReason;
use control::{CampaignReport, SenderView, Waiting};
use maud::{Markup, html};

use crate::part::badge::badge;
use crate::part::button::{Weight, link};
use crate::part::parts::Parts;
use crate::part::progress::Progress;
use crate::shown::stops;
use crate::words::number::{percent, thousands};
use crate::words::state::{self, Clock};
use crate::words::waiting::Reason;

/// The live parts of these campaigns.
pub(crate) fn of<'a>(
    reports: impl Iterator<Item = &'a CampaignReport>,
    waiting: &[Waiting],
    senders: &[SenderView],
    clock: Clock<'_>,
) -> Parts {
    let mut parts = Parts::default();
    let link = link("/senders", "Show senders", Weight::Plain);
    parts.add("stops", stops::of_senders(clock, senders, waiting, Some(&link)));
    parts.add("summary", html! { (summary(waiting)) });
    for report in reports {
        for (name, content) in cells(report, waiting, clock) {
            parts.add(place(report.campaign_id, name), content);
        }
    }
    parts.announce(&summary(waiting));
    parts
}

/// The cells of a row that change.
pub(crate) const CELLS: [&str; 5] = ["state", "progress", "when", "delivered", "answered"];

/// The place of a cell.
pub(crate) fn place(campaign: impl std::fmt::Display, cell: &str) -> String {
    format!("row-{campaign}-{cell}")
}

/// The places of a page with these campaigns.
pub(crate) fn places(campaigns: &[&str]) -> Vec<String> {
    let cells = campaigns.iter().flat_map(|id| CELLS.map(|cell| place(id, cell)));
    ["stops".to_owned(), "summary".to_owned()].into_iter().chain(cells).collect()
}

fn cells(report: &CampaignReport, waiting: &[Waiting], clock: Clock<'_>) -> [(&'static str, Markup); 5] {
    let state = state::of(report, waiting, clock);
    let progress = Progress::of(report);
    let share = |part, whole| {
        html! { @if whole > 0 { (percent(part, whole)) } }
    };
    let progress = html! {
        (progress.draw())
        @if progress.total > 0 { small { (thousands(report.accepted)) " / " (thousands(progress.total)) } }
    };
    let [state_name, progress_name, when, delivered, answered] = CELLS;
    [
        (state_name, badge(state.tone, state.short.as_deref().unwrap_or(&state.text))),
        (progress_name, progress),
        (when, html! { (state.more) }),
        (delivered, share(report.delivered, report.accepted)),
        (answered, share(report.answered, report.accepted)),
    ]
}

/// How many campaigns have waiting recipients, by what they wait for.
fn summary(waiting: &[Waiting]) -> String {
    let of = |wanted: fn(Reason) -> bool| {
        let ids = waiting.iter().filter(|wait| Reason::of(&wait.reason).is_some_and(wanted));
        ids.filter_map(|wait| wait.campaign_id).collect::<BTreeSet<_>>().len()
    };
    let parts = [
        (
            of(|reason| matches!(reason, Reason::Rate | Reason::Queue | Reason::Throttled | Reason::Retry)),
            "sending",
        ),
        (
            of(|reason| {
                reason.fault().is_some()
                    || matches!(reason, Reason::Stop(stop) if stop != StopReason::Operator)
            }),
            "stopped",
        ),
        (of(|reason| reason == Reason::Stop(StopReason::Operator)), "paused"),
        (of(|reason| reason == Reason::Hours), "scheduled"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.join(" · ")
}
