//! Alerts about stops: what, since when, how many wait, what to do, what happens by itself.

use campaign::StopReason;
use control::{CampaignReport, SenderView, Waiting};
use maud::{Markup, html};

use crate::part::alert::alert;
use crate::session::Viewer;
use crate::words::number::counted;
use crate::words::waiting::{Reason, first};
use crate::words::{Tone, provider, stop, time};

/// An alert, with a button, for each sender that a fault stopped. Pauses by people are no faults.
pub(crate) fn of_senders(
    viewer: &Viewer,
    senders: &[SenderView],
    waiting: &[Waiting],
    action: Option<&Markup>,
) -> Markup {
    let stopped = senders.iter().filter_map(|sender| {
        let stop = sender.stops.iter().find(|stop| stop.campaign_id.is_none())?;
        let reason =
            stop.reason.parse::<StopReason>().ok().filter(|reason| *reason != StopReason::Operator)?;
        Some((sender, stop, reason))
    });
    html! {
        @for (sender, stop, reason) in stopped {
            @let own: Vec<&Waiting> = waiting.iter().filter(|wait| wait.sender == sender.name && wait.campaign_id.is_some() && wait.reason == stop.reason).collect();
            @let recipients = own.iter().map(|wait| wait.recipients).sum();
            @let campaigns = i64::try_from(own.len()).unwrap_or(0);
            @let service = provider::name(&sender.provider);
            @let text = text(viewer, reason, service, (Some(stop.since), stop.until), &format!("{} in {}", counted(recipients, "recipient", "recipients"), counted(campaigns, "campaign", "campaigns")));
            (alert(tone(reason), &format!("{} is stopped: {}", sender.name, stop::cause(reason, service)), &text, action))
        }
    }
}

/// The alert of a campaign whose recipients wait for something that a person has to mend; nothing if there is none.
pub(crate) fn of_campaign(viewer: &Viewer, report: &CampaignReport, waiting: &[Waiting]) -> Markup {
    let Some((reason, wait)) = first(waiting, report.campaign_id) else { return html! {} };
    let recipients = counted(wait.recipients, "recipient", "recipients");
    match reason {
        Reason::Stop(StopReason::Operator) => {
            let by = wait.caused_by.as_deref().unwrap_or("a person");
            let text = html! {
                p { @if let Some(since) = wait.since { "Since " (at(viewer, since)) ". " } (recipients) " are waiting; none is lost." }
            };
            alert(Tone::Warn, &format!("Paused by {by}"), &text, None)
        }
        Reason::Stop(reason) => {
            let service = provider::name(&report.provider);
            let text = text(viewer, reason, service, (wait.since, wait.until), &recipients);
            alert(tone(reason), &format!("Stopped: {}", stop::cause(reason, service)), &text, None)
        }
        reason => match reason.fault() {
            None => html! {},
            Some(fault) => {
                let text = html! {
                    p {
                        @if let Some(since) = wait.since { "Since " (at(viewer, since)) ". " }
                        (recipients) " are waiting; no recipient is lost. "
                        @if let Some(detail) = &wait.detail { "For operations: " (detail) "." }
                    }
                };
                alert(Tone::Warn, &format!("Waiting: {fault}"), &text, None)
            }
        },
    }
}

/// A daily cap is a plan and no fault.
fn tone(reason: StopReason) -> Tone {
    if reason == StopReason::DailyCap { Tone::Info } else { Tone::Bad }
}

fn at(viewer: &Viewer, at: jiff::Timestamp) -> Markup {
    time::element(at, viewer.visit.now, &viewer.zone)
}

fn text(
    viewer: &Viewer,
    reason: StopReason,
    service: &str,
    (since, until): (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
    who: &str,
) -> Markup {
    html! {
        p {
            @if let Some(since) = since { "Since " (at(viewer, since)) ". " }
            (who) " wait; no recipient is lost and no attempt was used. "
            (stop::advice(reason, service)) " " (stop::by_itself(reason))
            @if let Some(until) = until { " Next at " b { (at(viewer, until)) } "." }
        }
    }
}

#[cfg(test)]
mod tests {
    use campaign::CampaignState;

    use super::*;
    use crate::session::tests::viewer;
    use crate::words::state::tests::{report, wait};

    #[test]
    fn a_stop_says_who_waits_what_to_do_and_what_happens_by_itself() {
        let shown = |reason, until| {
            of_campaign(&viewer(), &report(CampaignState::Running), &[wait(reason, until)]).into_string()
        };
        let stopped = shown("low_balance", Some("2026-11-30T10:20:00Z"));
        for expected in [
            "Stopped: low balance at Kaleyra",
            "12:57",
            "300 recipients wait; no recipient is lost and no attempt was used.",
            "Top up the Kaleyra account.",
            "One message is tried every few minutes",
            "13:20",
            "alert bad",
        ] {
            assert!(stopped.contains(expected), "{expected} is not in {stopped}");
        }
        assert!(shown("operator", None).contains("Paused by anna"));
        assert!(shown("no_worker", None).contains("Waiting: no worker running"));
        assert!(shown("daily_cap", None).contains("alert info"));
        assert!(shown("rate", None).is_empty());
    }
}
