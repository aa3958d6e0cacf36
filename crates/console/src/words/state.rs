//! States of campaigns.

use campaign::{CampaignState, StopReason};
use control::{CampaignReport, Waiting};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::words::number::{counted, thousands};
use crate::words::waiting::{Reason, first};
use crate::words::{Tone, provider, stop, time};

/// The state of a campaign in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) tone: Tone,
    /// The label.
    pub(crate) text: String,
    /// A shorter label for lists, if there is one.
    pub(crate) short: Option<String>,
    /// The second line.
    pub(crate) more: String,
}

/// Now, for the person who looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock<'a> {
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a TimeZone,
}

impl Clock<'_> {
    /// A time beside now.
    pub(crate) fn at(&self, at: Timestamp) -> String {
        time::short(at, self.now, self.zone)
    }
}

fn label(tone: Tone, text: impl Into<String>, more: impl Into<String>) -> Label {
    Label { tone, text: text.into(), short: None, more: more.into() }
}

/// The state of a campaign.
pub(crate) fn of(report: &CampaignReport, waiting: &[Waiting], clock: Clock<'_>) -> Label {
    let Ok(state) = report.state.parse::<CampaignState>() else {
        return label(Tone::Quiet, report.state.clone(), "");
    };
    let reason = first(waiting, report.campaign_id);
    match state {
        CampaignState::Draft if report.recipients() == 0 => label(Tone::Quiet, "Draft", "no list yet"),
        CampaignState::Draft => label(Tone::Info, "Ready to start", "not started"),
        CampaignState::Running => match reason {
            Some((reason, wait)) => running(report, reason, wait, clock),
            None => label(Tone::Good, "Sending", "the last messages are on their way"),
        },
        CampaignState::Paused => match reason {
            Some((Reason::Stop(reason), wait)) => stopped(report, reason, wait, clock),
            _ => label(Tone::Warn, "Paused", ""),
        },
        CampaignState::Finished => finished(report, clock),
        CampaignState::Cancelled => {
            let more =
                format!("{} not sent to", counted(report.cancelled, "recipient was", "recipients were"));
            label(Tone::Quiet, "Ended", more)
        }
    }
}

fn running(report: &CampaignReport, reason: Reason, wait: &Waiting, clock: Clock<'_>) -> Label {
    let until = wait.until.map(|until| clock.at(until));
    match reason {
        Reason::Stop(reason) => stopped(report, reason, wait, clock),
        Reason::Hours => match (until, report.first_sent_at) {
            (Some(until), None) => {
                label(Tone::Info, format!("Scheduled for {until}"), "nothing is sent before then")
            }
            (Some(until), Some(_)) => Label {
                short: Some("Outside sending hours".into()),
                ..label(
                    Tone::Info,
                    format!("Outside sending hours, resumes {until}"),
                    format!("resumes {until}"),
                )
            },
            (None, _) => label(Tone::Info, "Outside sending hours", ""),
        },
        Reason::Rate | Reason::Queue => label(
            Tone::Good,
            "Sending",
            until.map(|until| format!("done by about {until}")).unwrap_or_default(),
        ),
        Reason::Throttled => {
            label(Tone::Warn, "Sending slowly", "the provider asked to slow down; full speed within a minute")
        }
        Reason::Retry => {
            let next = until.map(|until| format!("next at {until}, ")).unwrap_or_default();
            label(
                Tone::Good,
                "Retrying",
                format!("{next}{}", counted(wait.recipients, "recipient", "recipients")),
            )
        }
        Reason::NoProducer
        | Reason::NoWorker
        | Reason::QueueBlocked
        | Reason::QueueAway
        | Reason::FeedFailed
        | Reason::Database => {
            let fault = reason.fault().unwrap_or("a fault");
            let more = "operations has to act; no recipient is lost";
            Label { short: Some("Waiting".into()), ..label(Tone::Warn, format!("Waiting: {fault}"), more) }
        }
    }
}

fn stopped(report: &CampaignReport, reason: StopReason, wait: &Waiting, clock: Clock<'_>) -> Label {
    let since = wait.since.map(|since| format!("since {}", clock.at(since))).unwrap_or_default();
    match reason {
        StopReason::Operator => {
            let by = wait.caused_by.as_deref().unwrap_or("a person");
            label(Tone::Warn, format!("Paused by {by}"), since)
        }
        StopReason::DailyCap => {
            let until = wait.until.map(|until| format!(", resumes {}", clock.at(until))).unwrap_or_default();
            Label {
                short: Some("Daily cap reached".into()),
                ..label(Tone::Info, format!("Daily cap reached{until}"), since)
            }
        }
        _ => Label {
            short: Some(format!("Stopped: {}", stop::short(reason))),
            ..label(
                Tone::Bad,
                format!("Stopped: {}", stop::cause(reason, provider::name(&report.provider))),
                since,
            )
        },
    }
}

fn finished(report: &CampaignReport, clock: Clock<'_>) -> Label {
    let at = report.finished_at.map(|at| clock.at(at)).unwrap_or_default();
    if report.unknown > 0 {
        let text = format!("Completed, {} unconfirmed", thousands(report.unknown));
        return Label { short: Some("Completed".into()), ..label(Tone::Quiet, text, at) };
    }
    if report.expired > 0 {
        return label(
            Tone::Quiet,
            "Expired",
            format!("{} too late", counted(report.expired, "recipient", "recipients")),
        );
    }
    label(Tone::Quiet, "Completed", at)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with 1,000 recipients, 700 of them accepted.
    pub(crate) fn report(state: CampaignState) -> CampaignReport {
        let zeros = [
            "rejected",
            "duplicates",
            "suppressed",
            "excluded",
            "sending",
            "retry",
            "failed",
            "unknown",
            "skipped",
            "expired",
            "cancelled",
            "attempts",
            "delivered",
            "read",
            "undelivered",
            "answers",
            "answered",
            "billable",
            "not_billable",
            "unpriced",
            "difference",
        ];
        let mut json: serde_json::Map<String, serde_json::Value> =
            zeros.iter().map(|name| ((*name).to_owned(), 0.into())).collect();
        for (name, value) in [("campaign_id", 7), ("uploaded", 1_000), ("pending", 300), ("accepted", 700)] {
            json.insert(name.into(), value.into());
        }
        for (name, value) in
            [("name", "September"), ("sender", "ke-main"), ("provider", "kaleyra"), ("state", state.word())]
        {
            json.insert(name.into(), value.into());
        }
        for name in [
            "started_at",
            "finished_at",
            "first_sent_at",
            "last_sent_at",
            "last_recorded_at",
            "currency",
            "cost_estimated",
            "cost_billed",
        ] {
            json.insert(name.into(), serde_json::Value::Null);
        }
        serde_json::from_value(json.into()).unwrap()
    }

    pub(crate) fn wait(reason: &str, until: Option<&str>) -> Waiting {
        Waiting {
            sender: "ke-main".into(),
            campaign_id: Some(7),
            reason: reason.into(),
            detail: None,
            since: "2026-11-30T09:57:00Z".parse().ok(),
            until: until.and_then(|until| until.parse().ok()),
            caused_by: Some("anna".into()),
            recipients: 300,
        }
    }

    fn shown(report: &CampaignReport, waiting: &[Waiting]) -> (Tone, String, String) {
        let zone = TimeZone::get("Africa/Nairobi").unwrap();
        let clock = Clock { now: "2026-11-30T11:02:31Z".parse().unwrap(), zone: &zone };
        let label = of(report, waiting, clock);
        (label.tone, label.text, label.more)
    }

    #[test]
    fn every_state_and_reason_has_the_words_of_the_specification() {
        let running = report(CampaignState::Running);
        let begun = CampaignReport { first_sent_at: "2026-11-30T08:00:00Z".parse().ok(), ..running.clone() };
        let until = Some("2026-12-01T06:00:00Z");
        for (report, reason, tone, text, more) in [
            (&running, "hours", Tone::Info, "Scheduled for Tue 09:00", "nothing is sent before then"),
            (&begun, "hours", Tone::Info, "Outside sending hours, resumes Tue 09:00", "resumes Tue 09:00"),
            (&begun, "rate", Tone::Good, "Sending", "done by about Tue 09:00"),
            (
                &begun,
                "throttled",
                Tone::Warn,
                "Sending slowly",
                "the provider asked to slow down; full speed within a minute",
            ),
            (&begun, "retry", Tone::Good, "Retrying", "next at Tue 09:00, 300 recipients"),
            (
                &begun,
                "no_worker",
                Tone::Warn,
                "Waiting: no worker running",
                "operations has to act; no recipient is lost",
            ),
            (&begun, "low_balance", Tone::Bad, "Stopped: low balance at Kaleyra", "since 12:57"),
            (&begun, "daily_cap", Tone::Info, "Daily cap reached, resumes Tue 09:00", "since 12:57"),
            (&begun, "operator", Tone::Warn, "Paused by anna", "since 12:57"),
        ] {
            assert_eq!(shown(report, &[wait(reason, until)]), (tone, text.into(), more.into()), "{reason}");
        }
    }

    #[test]
    fn campaigns_without_waiting_recipients_have_words() {
        let empty = CampaignReport { uploaded: 0, ..report(CampaignState::Draft) };
        assert_eq!(shown(&empty, &[]).2, "no list yet");
        assert_eq!(shown(&report(CampaignState::Draft), &[]).2, "not started");
        let finished = CampaignReport {
            finished_at: "2026-11-29T14:40:00Z".parse().ok(),
            ..report(CampaignState::Finished)
        };
        assert_eq!(shown(&finished, &[]), (Tone::Quiet, "Completed".into(), "Sun 17:40".into()));
        let unclear = CampaignReport { unknown: 50, ..finished.clone() };
        assert_eq!(shown(&unclear, &[]).1, "Completed, 50 unconfirmed");
        let late = CampaignReport { expired: 2, ..finished };
        assert_eq!(
            (shown(&late, &[]).1, shown(&late, &[]).2),
            ("Expired".into(), "2 recipients too late".into())
        );
        let ended = CampaignReport { cancelled: 1, ..report(CampaignState::Cancelled) };
        assert_eq!(
            (shown(&ended, &[]).1, shown(&ended, &[]).2),
            ("Ended".into(), "1 recipient was not sent to".into())
        );
        assert_eq!(shown(&report(CampaignState::Paused), &[]).1, "Paused");
        for state in CampaignState::ALL {
            assert!(!shown(&report(*state), &[]).1.is_empty());
        }
    }
}
