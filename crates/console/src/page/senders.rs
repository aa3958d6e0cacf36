//! `/senders`: the senders, whether they may send, and their limits.

use std::sync::Arc;

use axum::extract::State;
use campaign::StopReason;
use control::{PageRequest, SenderView, Waiting};
use maud::{Markup, html};

use crate::chart;
use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::new_sender::{ADDRESS, may_add};
use crate::part::badge::badge;
use crate::part::button::{Weight, link};
use crate::part::card::{empty, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::shown::stops;
use crate::viewer::Viewer;
use crate::words::number::thousands;
use crate::words::{Tone, provider, stop, time};

/// `GET /senders`
pub(crate) async fn show(State(console): State<Arc<Console>>, viewer: Viewer) -> Result<Markup, Failure> {
    let all = PageRequest { after: None, limit: Some(control::MAX_LIMIT) };
    let reader = console.control.reader().await?;
    let senders = reader.senders(&viewer.caller, &all).await?;
    let waiting = reader.waiting(&viewer.caller, None).await?;
    Ok(draw(&viewer, &senders.items, &waiting))
}

fn draw(viewer: &Viewer, senders: &[SenderView], waiting: &[Waiting]) -> Markup {
    let open = senders.iter().filter(|sender| sender.is_open).count();
    let body = html! {
        (stops::of_senders(viewer.clock(), senders, waiting, None))
        @if senders.is_empty() { (none(viewer)) } @else { (list(viewer, senders, waiting)) }
    };
    let summary =
        html! { (open) " open" @if open < senders.len() { " · " (senders.len() - open) " stopped" } };
    let page = Page::new("Senders", Section::Senders, body);
    let add =
        (may_add(viewer) && !senders.is_empty()).then(|| link(ADDRESS, "Add a sender", Weight::Primary));
    Page { summary: (!senders.is_empty()).then_some(summary), actions: add, ..page }.draw(viewer)
}

fn none(viewer: &Viewer) -> Markup {
    let add = may_add(viewer).then(|| link(ADDRESS, "Add a sender", Weight::Primary));
    let text = html! { "Before the first campaign, an operator adds a sender: a number, an API key and a rate at a provider." };
    flush(None, &empty("No sender yet", &text, add.as_ref()))
}

fn list(viewer: &Viewer, senders: &[SenderView], waiting: &[Waiting]) -> Markup {
    let columns = [
        column("Sender", Kind::Name),
        column("State", Kind::Text),
        column("Daily cap", Kind::Wide),
        column("Since", Kind::Quiet),
        column("Allowed rate", Kind::Number),
        column("Campaigns", Kind::Number),
        column("Waiting", Kind::Number),
    ];
    let rows: Vec<Vec<Markup>> = senders.iter().map(|sender| row(viewer, sender, waiting)).collect();
    flush(None, &table("Senders by name", &columns, &rows))
}

fn row(viewer: &Viewer, sender: &SenderView, waiting: &[Waiting]) -> Vec<Markup> {
    let own: Vec<&Waiting> =
        waiting.iter().filter(|wait| wait.sender == sender.name && wait.campaign_id.is_some()).collect();
    let mut campaigns: Vec<i64> = own.iter().filter_map(|wait| wait.campaign_id).collect();
    campaigns.sort_unstable();
    campaigns.dedup();
    let recipients = own.iter().map(|wait| wait.recipients).sum::<i64>();
    let stop = sender.stops.iter().find(|stop| stop.campaign_id.is_none());
    vec![
        html! { a class="title" href={ "/senders/" (sender.name) } { (sender.name) } small { (provider::name(&sender.provider)) " · +" (sender.number) } },
        state(sender),
        html! {
            @if let Some(cap) = &sender.daily_cap {
                (used(sender.used_today, cap.recipients))
                small { (thousands(sender.used_today)) " / " (thousands(cap.recipients)) " today, " (cap.zone) }
            }
            @else { small { "no daily cap" } }
        },
        html! { @if let Some(stop) = stop { "since " (time::element(stop.since, viewer.visit.now, &viewer.zone)) } },
        html! { @if let Some(rate) = sender.rate { (rate) } @else { "no limit" } },
        html! { (campaigns.len()) },
        html! { (thousands(recipients)) },
    ]
}

fn used(today: u32, cap: u32) -> Markup {
    html! { div class="cap" { (chart::share(today.into(), cap.into())) } }
}

/// Whether a sender may send.
pub(crate) fn state(sender: &SenderView) -> Markup {
    let reason = sender.stops.iter().find(|stop| stop.campaign_id.is_none());
    match reason.map(|stop| (stop, stop.reason.parse::<StopReason>())) {
        None if sender.is_open => badge(Tone::Good, "Open"),
        None => badge(Tone::Bad, "Stopped"),
        Some((stop, Ok(StopReason::Operator))) => badge(Tone::Warn, &format!("Paused by {}", stop.caused_by)),
        Some((_, Ok(StopReason::DailyCap))) => badge(Tone::Info, "Daily cap reached"),
        Some((_, Ok(reason))) => badge(Tone::Bad, &format!("Stopped: {}", stop::short(reason))),
        Some((stop, Err(_))) => badge(Tone::Bad, &format!("Stopped: {}", stop.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    fn sender(name: &str, stops: Vec<control::StopView>) -> SenderView {
        SenderView {
            name: name.into(),
            provider: "kaleyra".into(),
            number: "254700000000".into(),
            base_url: "https://api.example.org".into(),
            account: None,
            api_key_ref: Some("env:SECRET_NAME".into()),
            api_version: None,
            plus_in_path: true,
            rate: "80/s".parse().ok(),
            daily_cap: Some(control::DailyCap { recipients: 10_000, zone: "Africa/Nairobi".into() }),
            used_today: 2_500,
            is_open: stops.is_empty(),
            stops,
        }
    }

    fn stopped(reason: &str) -> control::StopView {
        control::StopView {
            campaign_id: None,
            reason: reason.into(),
            detail: None,
            since: "2026-11-30T09:57:00Z".parse().unwrap(),
            until: "2026-11-30T10:20:00Z".parse().ok(),
            caused_by: "anna".into(),
        }
    }

    #[test]
    fn senders_say_whether_they_may_send_and_why_not() {
        let senders = [
            sender("ke-main", vec![stopped("low_balance")]),
            sender("ke-two", vec![]),
            sender("tz", vec![stopped("operator")]),
        ];
        let page = draw(&viewer(), &senders, &[]).into_string();
        for expected in [
            r#"<span class="badge bad">Stopped: low balance</span>"#,
            r#"<span class="badge good">Open</span>"#,
            r#"<span class="badge warn">Paused by anna</span>"#,
            "ke-main is stopped: low balance at Kaleyra",
            "2,500 / 10,000 today, Africa/Nairobi",
            "1 open · 2 stopped",
            "Top up the Kaleyra account.",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(
            !page.contains("SECRET_NAME") && !page.contains("tz is stopped"),
            "a pause by a person is no alert"
        );
        assert!(draw(&viewer(), &[], &[]).into_string().contains("No sender yet"));
    }
}
