//! `/settings/webhook-endpoints/NAME`: one webhook endpoint and its deliveries.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use control::{PageRequest, WebhookDelivery, WebhookEndpoint, WebhookEndpointEdit};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::page::settings::filled::{Filled, again};
use crate::page::settings::tabs::{Tab, fresh, settings_tabs};
use crate::page::settings::webhooks::{
    ADDRESS, address, chosen_events, draw_secret, event_boxes, events, state,
};
use crate::part::alert::done;
use crate::part::badge::badge;
use crate::part::button::{Weight, form, submit};
use crate::part::card::{card, empty, flush};
use crate::part::filter::select;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;
use crate::words::{Tone, time};

/// Deliveries of a page.
const LIMIT: u32 = 25;
/// How far back "deliver again" reaches, in hours. Events are kept for 30 days.
const SINCE: [(&str, &str); 4] =
    [("1", "the last hour"), ("24", "the last day"), ("168", "the last 7 days"), ("720", "the last 30 days")];

/// What was done before the page was opened, and which deliveries are shown.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<Done>,
    events: Option<i64>,
    #[serde(default)]
    after: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Saved,
    Enabled,
    Disabled,
    Pinged,
    Resent,
}

impl Done {
    fn text(self, events: i64) -> String {
        match self {
            Self::Saved => "The endpoint was changed.".into(),
            Self::Enabled => "The endpoint is enabled. It gets the deliveries that were due.".into(),
            Self::Disabled => "The endpoint is disabled.".into(),
            Self::Pinged => {
                "A test event was written. Its answer appears below within seconds; reload the page.".into()
            }
            Self::Resent => format!("{} will be delivered again.", counted(events, "event", "events")),
        }
    }
}

/// `GET /settings/webhook-endpoints/NAME`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let note = asked.done.map(|what| done(&what.text(asked.events.unwrap_or(0))));
    page(&console, &viewer, (&name, &asked.after), note).await
}

/// `POST /settings/webhook-endpoints/NAME`
pub(crate) async fn change(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    filled: Filled,
) -> Result<Response, Failure> {
    let edit = WebhookEndpointEdit {
        url: Some(filled.text("url").to_owned()),
        events: Some(chosen_events(&filled)),
        is_enabled: None,
    };
    match console.control.change_webhook_endpoint(&viewer.caller, &name, &edit).await {
        Ok(_) => Ok(Redirect::to(&format!("{ADDRESS}/{name}?done=saved")).into_response()),
        Err(error) => again(error, async |note| page(&console, &viewer, (&name, ""), note).await).await,
    }
}

/// `POST /settings/webhook-endpoints/NAME/ACTION`
pub(crate) async fn act(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, action)): Path<(String, String)>,
    filled: Filled,
) -> Result<Response, Failure> {
    let (control, caller) = (&console.control, &viewer.caller);
    let switch =
        |is_enabled| WebhookEndpointEdit { is_enabled: Some(is_enabled), ..WebhookEndpointEdit::default() };
    let after = match action.as_str() {
        "enable" | "disable" => {
            control.change_webhook_endpoint(caller, &name, &switch(action == "enable")).await?;
            format!("?done={action}d")
        }
        "ping" => {
            control.ping_webhook_endpoint(caller, &name).await?;
            "?done=pinged".to_owned()
        }
        "renew" => {
            let renewed = control.renew_webhook_secret(caller, &name).await?.result;
            let note = "The secret was renewed. For 24 hours, deliveries are signed with both secrets.";
            return Ok(draw_secret(&viewer, &renewed, note).into_response());
        }
        "deliver-again" => {
            let events = if let Ok(event) = filled.text("event").parse() {
                control.resend_webhook_delivery(caller, &name, event).await?.result.events
            } else {
                let since = since(viewer.visit.now, filled.text("hours"));
                control.recover_webhook_deliveries(caller, &name, since).await?.result.events
            };
            format!("?done=resent&events={events}")
        }
        "remove" => {
            control.remove_webhook_endpoint(caller, &name).await?;
            return Ok(Redirect::to(ADDRESS).into_response());
        }
        _ => return Err(Failure::of_status(StatusCode::NOT_FOUND)),
    };
    Ok(Redirect::to(&format!("{ADDRESS}/{name}{after}")).into_response())
}

fn since(now: Timestamp, hours: &str) -> Timestamp {
    let hours = hours.parse().unwrap_or(1_i64).clamp(1, 720);
    now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(now)
}

async fn page(
    console: &Console,
    viewer: &Viewer,
    (name, after): (&str, &str),
    note: Option<Markup>,
) -> Result<Markup, Failure> {
    let endpoint = console.control.webhook_endpoint(&viewer.caller, name).await?;
    let after = (!after.is_empty()).then(|| after.to_owned());
    let request = PageRequest { after, limit: Some(LIMIT) };
    let deliveries = console.control.webhook_deliveries(&viewer.caller, name, &request).await?;
    Ok(draw(viewer, &endpoint, &deliveries, note))
}

fn draw(
    viewer: &Viewer,
    endpoint: &WebhookEndpoint,
    deliveries: &control::Page<WebhookDelivery>,
    note: Option<Markup>,
) -> Markup {
    let own = format!("{ADDRESS}/{}", endpoint.name);
    let body = html! {
        (settings_tabs(viewer, Tab::Webhooks))
        @if let Some(note) = note { (note) }
        (card("Endpoint", None, &fresh(viewer, &own, &edit_form(endpoint))))
        (card("Actions", None, &fresh(viewer, &own, &actions(endpoint, &own))))
        @if deliveries.items.is_empty() { (none()) } @else { (list(viewer, deliveries, &own)) }
    };
    let page = Page::new(&endpoint.name, Section::Settings, body);
    let summary = html! { (events(endpoint)) };
    Page {
        parent: Some((ADDRESS, "Webhook endpoints")),
        badge: Some(state(viewer, endpoint)),
        summary: Some(summary),
        ..page
    }
    .draw(viewer)
}

fn edit_form(endpoint: &WebhookEndpoint) -> Markup {
    html! {
        form class="form" method="post" {
            div class="fields" { (address(&endpoint.url)) }
            (event_boxes(endpoint.events.as_deref().unwrap_or_default()))
            div class="actions" { (submit("Save", Weight::Primary)) }
        }
    }
}

fn actions(endpoint: &WebhookEndpoint, own: &str) -> Markup {
    let post = |action: &str, label, weight| form(&format!("{own}/{action}"), label, weight);
    html! {
        div class="actions" {
            (post("ping", "Send a test event", Weight::Plain))
            @if endpoint.disabled_at.is_some() { (post("enable", "Enable", Weight::Plain)) }
            @else { (post("disable", "Disable", Weight::Plain)) }
            (post("renew", "Renew the secret", Weight::Plain))
            (post("remove", "Remove", Weight::Danger))
        }
        form class="row" method="post" action={ (own) "/deliver-again" } {
            (select("hours", "Deliver again what was not delivered in", &SINCE, "24"))
            (submit("Deliver again", Weight::Plain))
        }
    }
}

fn none() -> Markup {
    flush(
        None,
        &empty("No event yet", &html! { "Send a test event to see whether the endpoint answers." }, None),
    )
}

fn list(viewer: &Viewer, deliveries: &control::Page<WebhookDelivery>, own: &str) -> Markup {
    let columns = [
        column("Event", Kind::Name),
        column("Delivery", Kind::Text),
        column("Answer", Kind::Quiet),
        column("Action", Kind::Text),
    ];
    let rows: Vec<Vec<Markup>> = deliveries.items.iter().map(|delivery| row(viewer, delivery, own)).collect();
    html! {
        section class="card flush" {
            div class="row" { h2 { "Deliveries" } }
            (table("Deliveries, the newest event first", &columns, &rows))
            @if let Some(next) = &deliveries.next {
                nav class="pager" aria-label="Pages" { a href={ (own) "?after=" (next) } { "Older →" } }
            }
        }
    }
}

fn row(viewer: &Viewer, delivery: &WebhookDelivery, own: &str) -> Vec<Markup> {
    let at = |at| time::element(at, viewer.visit.now, &viewer.zone);
    let attempts = counted(delivery.attempts.into(), "attempt", "attempts");
    vec![
        html! { span class="title" { (delivery.kind) } small { (delivery.event_id) " · " (at(delivery.at)) } },
        match (delivery.state.as_str(), delivery.next_at) {
            ("delivered", _) => html! { (badge(Tone::Good, "Delivered")) small { (attempts) } },
            ("due", Some(next)) => {
                html! { (badge(Tone::Info, "Due")) small { (attempts) ", next at " (at(next)) } }
            }
            ("gone", _) => html! { (badge(Tone::Bad, "Gone")) small { (attempts) } },
            (_, _) => html! { (badge(Tone::Bad, "Given up")) small { (attempts) } },
        },
        html! {
            @if let Some(status) = delivery.status {
                "HTTP " (status) @if let Some(latency) = delivery.latency_ms { " after " (latency) " ms" }
            }
            @if let Some(problem) = &delivery.problem { small { (sentence(problem)) } }
            @if let Some(answer) = delivery.answer.as_deref().filter(|answer| !answer.trim().is_empty()) {
                details { summary { "Answer" } code { (answer) } }
            }
        },
        html! {
            form method="post" action={ (own) "/deliver-again" } {
                input type="hidden" name="event" value=(delivery.event_id);
                button type="submit" class="button small" { "Deliver again" }
            }
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::settings::webhooks::tests::endpoint;
    use crate::viewer::tests::viewer;

    #[test]
    fn deliveries_show_their_answer_as_text() {
        let delivery = WebhookDelivery {
            event_id: 41,
            message_id: "evt_1".into(),
            kind: "campaign.finished".into(),
            at: "2026-11-30T09:00:00Z".parse().unwrap(),
            data: serde_json::Value::Null,
            state: "due".into(),
            attempts: 2,
            next_at: "2026-11-30T11:20:00Z".parse().ok(),
            attempted_at: None,
            status: Some(502),
            latency_ms: Some(31),
            answer: Some("<script>alert(1)</script>".into()),
            problem: None,
        };
        let page = control::Page { items: vec![delivery], next: Some("41".into()) };
        let page = draw(&viewer(), &endpoint("crm"), &page, None).into_string();
        for expected in [
            "HTTP 502 after 31 ms",
            "&lt;script&gt;",
            "2 attempts, next at",
            "?after=41",
            r#"name="event" value="41""#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }

    #[test]
    fn deliver_again_reaches_back_30_days_at_most() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        assert_eq!(since(now, "24").to_string(), "2026-11-29T12:00:00Z");
        assert_eq!(since(now, "99999").to_string(), "2026-10-31T12:00:00Z");
        assert_eq!(since(now, "x").to_string(), "2026-11-30T11:00:00Z");
    }
}
