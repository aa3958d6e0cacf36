//! Alerts about stops: what, since when, how many wait, what to do, what happens by itself.

use campaign::StopReason;
use control::{CampaignPage, PastStop, ProviderNotice, SenderView, Waiting};
use maud::{Markup, html};

use crate::part::alert::alert;
use crate::words::number::counted;
use crate::words::state::Clock;
use crate::words::waiting::{Reason, first};
use crate::words::{Tone, provider, stop, time};

/// An alert, with a button, for each sender that a fault stopped. Pauses by people are no faults.
pub(crate) fn of_senders(
    clock: Clock<'_>,
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
            @let waiting = format!("{} in {}", counted(recipients, "recipient", "recipients"), counted(campaigns, "campaign", "campaigns"));
            @let text = text(clock, (reason, service), (Some(stop.since), stop.until), &Touched { recipients: &waiting, code: None, others: "" });
            (alert(tone(reason), &format!("{} is stopped: {}", sender.name, stop::cause(reason, service)), &text, action))
        }
    }
}

/// The alert of a campaign whose recipients wait for something that a person has to mend; nothing if there is none.
pub(crate) fn of_campaign(clock: Clock<'_>, page: &CampaignPage) -> Markup {
    let report = &page.report;
    let Some((reason, wait)) = first(&page.waiting, report.campaign_id) else { return html! {} };
    let recipients = counted(wait.recipients, "recipient", "recipients");
    match reason {
        Reason::Stop(StopReason::Operator) => {
            let by = wait.caused_by.as_deref().unwrap_or("a person");
            let text = html! {
                p { @if let Some(since) = wait.since { "Since " (at(clock, since)) ". " } (recipients) " are waiting; none is lost." }
            };
            alert(Tone::Warn, &format!("Paused by {by}"), &text, None)
        }
        Reason::Stop(reason) => {
            let service = provider::name(&report.provider);
            let in_force = |stop: &&PastStop| {
                let of = stop.stop.campaign_id;
                stop.ended_at.is_none()
                    && stop.stop.reason == reason.word()
                    && of.is_none_or(|of| of == report.campaign_id)
            };
            let stop = page.stops.iter().find(in_force);
            let others = match stop.map(|stop| stop.stop.campaign_id) {
                Some(None) => format!("All campaigns of {} are stopped.", report.sender),
                Some(Some(_)) => format!("Other campaigns of {} are not affected.", report.sender),
                None => String::new(),
            };
            let code = stop.and_then(|stop| stop.code.as_deref()).filter(|code| *code != reason.word());
            let who = Touched { recipients: &recipients, code, others: &others };
            let text = html! {
                (text(clock, (reason, service), (wait.since, wait.until), &who))
                @if let Some(notice) = page.notice.as_ref().filter(|_| is_of_message(reason)) { (noticed(clock, service, notice)) }
            };
            alert(tone(reason), &format!("Stopped: {}", stop::cause(reason, service)), &text, None)
        }
        reason => match reason.fault() {
            None => html! {},
            Some(fault) => {
                let text = html! {
                    p {
                        @if let Some(since) = wait.since { "Since " (at(clock, since)) ". " }
                        (recipients) " are waiting; no recipient is lost. "
                        @if let Some(detail) = &wait.detail { "For operations: " (detail) "." }
                    }
                };
                alert(Tone::Warn, &format!("Waiting: {fault}"), &text, None)
            }
        },
    }
}

/// Whether the provider sends notices about the cause: a template or a flow.
fn is_of_message(reason: StopReason) -> bool {
    matches!(reason, StopReason::TemplateFault | StopReason::FlowFault)
}

/// What the provider said last about the template or flow.
fn noticed(clock: Clock<'_>, service: &str, notice: &ProviderNotice) -> Markup {
    let is_active =
        ["APPROVED", "ACTIVE", "PUBLISHED"].iter().any(|word| notice.status.eq_ignore_ascii_case(word));
    html! {
        p {
            "Latest notice of " (service) ": " (notice.about) " " (notice.name) " is " b { (notice.status) } " since "
            (at(clock, notice.noticed_at)) "." @if is_active { " The campaign can be resumed." }
        }
    }
}

/// Who waits for the end of a stop.
struct Touched<'a> {
    recipients: &'a str,
    /// The code of the provider.
    code: Option<&'a str>,
    /// Which other campaigns are stopped.
    others: &'a str,
}

/// A daily cap is a plan and no fault.
fn tone(reason: StopReason) -> Tone {
    if reason == StopReason::DailyCap { Tone::Info } else { Tone::Bad }
}

fn at(clock: Clock<'_>, at: jiff::Timestamp) -> Markup {
    time::element(at, clock.now, clock.zone)
}

/// The parts after the title, always in this order: since when and the code, who waits, who else is touched, what to do, and what
/// happens by itself and when.
fn text(
    clock: Clock<'_>,
    (reason, service): (StopReason, &str),
    (since, until): (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
    who: &Touched<'_>,
) -> Markup {
    html! {
        p {
            @if let Some(since) = since { "Since " (at(clock, since)) @if let Some(code) = who.code { " (" (code) ")" } ". " }
            (who.recipients) " wait; no recipient is lost and no attempt was used. "
            (who.others)
        }
        p {
            b { (stop::advice(reason, service)) } " " (stop::by_itself(reason))
            @if let Some(until) = until { " Next at " b { (at(clock, until)) } "." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::campaign::tests::known as page;
    use crate::viewer::tests::viewer;
    use crate::words::state::tests::wait;

    #[test]
    fn a_stop_says_who_waits_what_to_do_and_what_happens_by_itself() {
        let shown = |reason: &str, until| {
            let mut page = page(vec![wait(reason, until)]);
            for stop in &mut page.stops {
                stop.ended_at = None;
                stop.stop.reason = reason.into();
            }
            of_campaign(viewer().clock(), &page).into_string()
        };
        let stopped = shown("low_balance", Some("2026-11-30T10:20:00Z"));
        for expected in [
            "Stopped: low balance at Kaleyra",
            "12:57</time> (E110). ",
            "All campaigns of ke-main are stopped.",
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
        let mut paused = page(vec![wait("template_fault", None)]);
        paused.notice = Some(ProviderNotice {
            about: "template".into(),
            language: String::new(),
            name: "<b>promo".into(),
            status: "APPROVED".into(),
            noticed_at: "2026-11-30T10:00:00Z".parse().unwrap(),
        });
        let shown = of_campaign(viewer().clock(), &paused).into_string();
        assert!(shown.contains("template &lt;b&gt;promo is <b>APPROVED</b> since"), "{shown}");
        assert!(shown.contains("The campaign can be resumed."), "{shown}");
    }
}
