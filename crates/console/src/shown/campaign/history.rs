//! What happened to a campaign: actions of people and programs, and stops.

use campaign::StopReason;
use control::{CampaignEvent, CampaignPage, PastStop};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::part::card;
use crate::part::timeline::{Event, timeline};
use crate::words::state::Clock;
use crate::words::{Tone, action, provider, stop, time};

/// The most events that are shown.
const MOST: usize = 12;

/// Something that happened, before it is drawn.
struct Moment {
    at: Timestamp,
    text: Markup,
    tone: Tone,
}

/// The card.
pub(crate) fn card(known: &CampaignPage, clock: Clock<'_>) -> Markup {
    let service = provider::name(&known.report.provider);
    let mut moments: Vec<Moment> = known.events.iter().map(of_event).collect();
    moments.extend(
        known.stops.iter().filter(|stop| concerns(stop, known)).flat_map(|stop| of_stop(stop, service)),
    );
    moments.sort_by_key(|moment| std::cmp::Reverse(moment.at));
    let drawn = |moment: Moment| Event {
        at: time::element(moment.at, clock.now, clock.zone),
        text: moment.text,
        tone: moment.tone,
    };
    let events: Vec<Event> = moments.into_iter().take(MOST).map(drawn).collect();
    let body = if events.is_empty() {
        html! { p class="aside" { "Nothing happened yet." } }
    } else {
        timeline(&events)
    };
    card::card("Activity", None, &body)
}

/// A stop of the campaign, or of its sender while the campaign was running.
pub(crate) fn concerns(stop: &PastStop, known: &CampaignPage) -> bool {
    let (report, id) = (&known.report, known.report.campaign_id);
    match stop.stop.campaign_id {
        Some(own) => own == id && stop.stop.reason != StopReason::Operator.word(),
        None => {
            report.started_at.is_some_and(|started| stop.ended_at.is_none_or(|ended| ended > started))
                && report.finished_at.is_none_or(|finished| stop.stop.since < finished)
        }
    }
}

fn of_event(event: &CampaignEvent) -> Moment {
    let sentence = action::sentence(&event.action, &event.outcome);
    let tone = if event.outcome == "done" { Tone::Quiet } else { Tone::Warn };
    Moment { at: event.at, text: html! { b { (event.actor) } " " (sentence) }, tone }
}

fn of_stop(stop: &PastStop, service: &str) -> Vec<Moment> {
    let Ok(reason) = stop.stop.reason.parse::<StopReason>() else { return Vec::new() };
    let began = if reason == StopReason::Operator {
        html! { b { (stop.stop.caused_by) } " paused the sender" }
    } else {
        html! { b { "Stopped:" } " " (stop::cause(reason, service)) @if let Some(code) = &stop.code { " (" (code) ")" } }
    };
    let tone = if reason == StopReason::Operator { Tone::Warn } else { Tone::Bad };
    let ended = stop.ended_at.map(|at| Moment {
        at,
        text: html! { b { "Resumed" } @if let Some(by) = &stop.ended_by { " by " (by) } },
        tone: Tone::Quiet,
    });
    [Some(Moment { at: stop.stop.since, text: began, tone }), ended].into_iter().flatten().collect()
}
