use campaign::{CampaignState, Definition};
use control::{CampaignEvent, CampaignReport, ErrorReport, MinuteReport, PastStop, Waiting};

use jiff::{Span, Timestamp};

use super::rate::Stretch;
use super::*;
use crate::viewer::tests::viewer;
use crate::words::state::tests::{report, wait};

fn minute(at: &str, accepted: i64, failed: i64) -> MinuteReport {
    MinuteReport {
        minute: at.parse().unwrap(),
        sent: accepted + failed,
        accepted,
        failed,
        retry: 0,
        throttled: 0,
        unknown: 0,
        held: 0,
        delivered: 0,
        read: 0,
        undelivered: 0,
        answers: 0,
    }
}

fn stop(reason: &str, since: &str, ended: Option<&str>) -> PastStop {
    PastStop {
        stop_id: 1,
        code: Some("E110".into()),
        stop: control::StopView {
            campaign_id: None,
            reason: reason.into(),
            detail: None,
            since: since.parse().unwrap(),
            until: None,
            caused_by: "worker".into(),
        },
        probes: 0,
        ended_at: ended.map(|ended| ended.parse().unwrap()),
        ended_by: ended.map(|_| "probe".into()),
    }
}

pub(crate) fn known(waiting: Vec<Waiting>) -> CampaignPage {
    let definition = "name = \"September\"\nsender = \"ke-main\"\n[flow]\nbody = \"Hi\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n[policy]\nassume_window = \"open\"\n";
    let started = "2026-11-30T08:00:00Z".parse().ok();
    CampaignPage {
        definition: Definition::parse(definition).unwrap(),
        version: 1,
        sender_rate: "80/s".parse().ok(),
        notice: None,
        report: CampaignReport {
            started_at: started,
            failed: 12,
            pending: 288,
            delivered: 650,
            read: 325,
            answered: 88,
            ..report(CampaignState::Running)
        },
        waiting,
        errors: vec![ErrorReport {
            stage: "request".into(),
            class: "failed".into(),
            code: Some("132012".into()),
            reason: Some("the template does not match its variables".into()),
            attempts: Some(12),
            recipients: 12,
        }],
        minutes: vec![minute("2026-11-30T08:00:00Z", 4_800, 0), minute("2026-11-30T08:01:00Z", 2_400, 12)],
        events: vec![CampaignEvent {
            at: "2026-11-30T08:00:00Z".parse().unwrap(),
            actor: "anna<b>".into(),
            action: "campaign.start".into(),
            outcome: "done".into(),
        }],
        stops: vec![stop("low_balance", "2026-11-30T09:57:00Z", Some("2026-11-30T10:20:00Z"))],
    }
}

#[test]
fn a_campaign_shows_its_numbers_reasons_and_history() {
    let page = draw(&viewer(), &known(vec![wait("rate", Some("2026-11-30T12:04:00Z"))]), &Asked::default())
        .into_string();
    for expected in [
        r#"<h1>September <span id="live-badge"><span class="badge good">Sending</span></span></h1>"#,
        "80/s allowed",
        "done by about 15:04",
        "✓ All 1,000 uploaded rows are accounted for",
        "70 % of 1,000",
        "The template does not match its variables <code>132012</code>",
        "Correct the cause, then retry these recipients",
        "<b>anna&lt;b&gt;</b> started the campaign",
        "<b>Stopped:</b> low balance at Kaleyra (E110)",
        "<b>Resumed</b> by probe",
        "Low balance",
        "11:00: 7,200 messages, 12 failed",
        ">Waiting</td>",
        ">Difference</td>",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("254700000000"), "the number of a sender is no part of this page");
}

#[test]
fn rows_that_are_not_accounted_for_are_an_error() {
    let mut known = known(Vec::new());
    known.report.difference = 3;
    let page = draw(&viewer(), &known, &Asked::default()).into_string();
    assert!(page.contains("3 rows are not accounted for") && !page.contains("✓ All"), "{page}");
}

#[test]
fn a_campaign_of_any_length_has_at_most_120_bars_and_loses_no_message() {
    let from: Timestamp = "2026-11-30T08:00:30Z".parse().unwrap();
    for minutes in [1, 15, 119, 120, 121, 600, 2_880] {
        let to = from.checked_add(Span::new().minutes(minutes)).unwrap();
        let rows: Vec<MinuteReport> = (0..=minutes)
            .map(|n| MinuteReport {
                minute: from.checked_add(Span::new().minutes(n)).unwrap(),
                ..minute("2026-11-30T08:00:00Z", 3, 1)
            })
            .collect();
        let sums = Stretch::between(from, to).unwrap().sums(&rows);
        assert!(sums.len() <= 120, "{minutes}: {} bars", sums.len());
        assert!(
            minutes > 15 || sums.last().is_some_and(|last| *last != (0, 0)),
            "{minutes}: the chart ends now"
        );
        assert!(minutes != 119 || sums.len() == 120, "120 minutes are 120 bars");
        let sent: i64 = sums.iter().map(|(accepted, failed)| accepted + failed).sum();
        assert_eq!(sent, (minutes + 1) * 4, "{minutes}");
    }
}

#[test]
fn ranges_are_read_from_the_address() {
    let now: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
    assert_eq!(Range::Hour.begin(now).unwrap().to_string(), "2026-11-30T07:00:00Z");
    assert_eq!(Range::All.begin(now), None);
    let page =
        draw(&viewer(), &known(Vec::new()), &Asked { range: Range::Hour, ..Asked::default() }).into_string();
    assert!(page.contains(r#"<a class="button" href="?range=1h" aria-current="true">1 h</a>"#), "{page}");
}
