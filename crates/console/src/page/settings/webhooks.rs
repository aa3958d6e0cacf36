//! `/settings/webhook-endpoints`: addresses of the customer that receive events.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control::{EVENT_KINDS, NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointSecret};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::settings::filled::{Filled, again};
use crate::page::settings::tabs::{Tab, fresh, settings_tabs};
use crate::part::alert::done;
use crate::part::badge::badge;
use crate::part::button::{Weight, link, submit};
use crate::part::card::{card, empty, flush};
use crate::part::check::checks;
use crate::part::field::Field;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::thousands;
use crate::words::{Tone, time};

pub(super) const ADDRESS: &str = "/settings/webhook-endpoints";

/// `GET /settings/webhook-endpoints`
pub(crate) async fn show(State(console): State<Arc<Console>>, viewer: Viewer) -> Result<Markup, Failure> {
    page(&console, &viewer, None).await
}

/// `POST /settings/webhook-endpoints`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    filled: Filled,
) -> Result<Response, Failure> {
    let new = NewWebhookEndpoint {
        name: filled.text("name").to_owned(),
        url: filled.text("url").to_owned(),
        events: chosen_events(&filled),
    };
    match console.control.add_webhook_endpoint(&viewer.caller, &new).await {
        Ok(added) => {
            Ok(draw_secret(&viewer, &added.result, "The webhook endpoint was added.").into_response())
        }
        Err(error) => again(error, async |note| page(&console, &viewer, note).await).await,
    }
}

/// The checked kinds of events; no check mark means all.
pub(super) fn chosen_events(filled: &Filled) -> Option<Vec<String>> {
    let events: Vec<String> = filled.values("events").map(str::to_owned).collect();
    (!events.is_empty()).then_some(events)
}

async fn page(console: &Console, viewer: &Viewer, note: Option<Markup>) -> Result<Markup, Failure> {
    let endpoints = console.control.webhook_endpoints(&viewer.caller).await?;
    Ok(draw(viewer, &endpoints, note))
}

fn draw(viewer: &Viewer, endpoints: &[WebhookEndpoint], note: Option<Markup>) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::Webhooks))
        @if let Some(note) = note { (note) }
        @if endpoints.is_empty() { (none()) } @else { (list(viewer, endpoints)) }
        (card("Add an endpoint", None, &fresh(viewer, ADDRESS, &add_form())))
    };
    Page::new("Webhook endpoints", Section::Settings, body).draw(viewer)
}

fn none() -> Markup {
    let text = html! { "A program of yours can be told when a campaign starts, stops or is completed, or a sender is stopped. It gets no phone number and no message content." };
    flush(None, &empty("No webhook endpoint yet", &text, None))
}

fn list(viewer: &Viewer, endpoints: &[WebhookEndpoint]) -> Markup {
    let columns = [
        column("Endpoint", Kind::Name),
        column("State", Kind::Text),
        column("Events", Kind::Quiet),
        column("Added", Kind::Quiet),
        column("Due", Kind::Number),
    ];
    let row = |endpoint: &WebhookEndpoint| {
        vec![
            html! {
                a class="title" href={ (ADDRESS) "/" (endpoint.name) } { (endpoint.name) }
                small { (host(&endpoint.url)) }
            },
            state(viewer, endpoint),
            html! { (events(endpoint)) },
            html! { "by " (endpoint.created_by) " " (time::element(endpoint.created_at, viewer.visit.now, &viewer.zone)) },
            html! { (thousands(endpoint.due)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = endpoints.iter().map(row).collect();
    flush(None, &table("Webhook endpoints by name", &columns, &rows))
}

/// The host of an address: its path may be secret.
fn host(address: &str) -> String {
    url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// The kinds of events of an endpoint.
pub(super) fn events(endpoint: &WebhookEndpoint) -> String {
    endpoint.events.as_ref().map_or_else(|| "all events".to_owned(), |events| events.join(", "))
}

/// Whether events reach the endpoint.
pub(super) fn state(viewer: &Viewer, endpoint: &WebhookEndpoint) -> Markup {
    let at = |at| time::element(at, viewer.visit.now, &viewer.zone);
    match (endpoint.disabled_at, endpoint.failing_since) {
        (Some(disabled), _) => {
            let why = match endpoint.disabled_reason.as_deref() {
                Some("gone") => "it answered that it is gone (HTTP 410)",
                Some("failing") => "it failed for 5 days",
                _ => "by a person",
            };
            html! { (badge(Tone::Quiet, "Disabled")) small { (at(disabled)) ", " (why) } }
        }
        (None, Some(failing)) => html! { (badge(Tone::Bad, "Failing")) small { "since " (at(failing)) } },
        (None, None) => badge(Tone::Good, "Enabled"),
    }
}

fn add_form() -> Markup {
    let name = Field {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "off",
        value: "",
        hint: Some("Letters, digits, '.', '-' and '_'."),
        is_wrong: false,
    };
    html! {
        form class="form" method="post" action=(ADDRESS) {
            div class="fields" { (name.draw()) (address("")) }
            (event_boxes(&[]))
            div class="actions" { (submit("Add endpoint", Weight::Primary)) }
        }
    }
}

pub(super) fn address(value: &str) -> Markup {
    html! {
        label {
            "Address"
            input type="url" name="url" autocomplete="off" required maxlength="2000" value=(value) aria-describedby="url-hint";
            span class="hint" id="url-hint" { "An https address. Private addresses need [webhooks] networks in the settings." }
        }
    }
}

pub(super) fn event_boxes(chosen: &[String]) -> Markup {
    let boxes: Vec<(&str, &str, bool)> =
        EVENT_KINDS.into_iter().map(|kind| (kind, kind, chosen.iter().any(|one| one == kind))).collect();
    checks("Events", "events", &boxes, Some("Without a check mark: all events."))
}

/// The page with the secret of an endpoint, which is shown once.
pub(super) fn draw_secret(viewer: &Viewer, added: &WebhookEndpointSecret, note: &str) -> Markup {
    let text = html! {
        p { "Copy the secret now: it is shown once. With it the receiver verifies the header " code { "webhook-signature" } " of each delivery, as the specification Standard Webhooks says." }
        p { code class="secret" { (added.secret) } }
        p class="actions" { (link(&format!("{ADDRESS}/{}", added.endpoint.name), "Done", Weight::Primary)) }
    };
    let body = html! { (settings_tabs(viewer, Tab::Webhooks)) (done(note)) (card(&added.endpoint.name, None, &text)) };
    Page::new("Webhook endpoints", Section::Settings, body).draw(viewer)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    pub(in crate::page::settings) fn endpoint(name: &str) -> WebhookEndpoint {
        WebhookEndpoint {
            id: 1,
            name: name.into(),
            url: "https://hooks.example.org/secret-path".into(),
            events: Some(vec!["campaign.started".into()]),
            generation: 1,
            renewed_at: None,
            created_by: "root".into(),
            created_at: "2026-11-01T09:00:00Z".parse().unwrap(),
            disabled_at: None,
            disabled_reason: None,
            failing_since: None,
            due: 1_200,
        }
    }

    #[test]
    fn endpoints_say_whether_events_reach_them_and_show_no_path() {
        let failing = WebhookEndpoint { failing_since: "2026-11-30T09:00:00Z".parse().ok(), ..endpoint("b") };
        let gone = WebhookEndpoint {
            disabled_at: "2026-11-30T09:00:00Z".parse().ok(),
            disabled_reason: Some("gone".into()),
            ..endpoint("c")
        };
        let page = draw(&viewer(), &[endpoint("a"), failing, gone], None).into_string();
        for expected in
            ["Enabled", "Failing", "Disabled", "HTTP 410", "hooks.example.org", "1,200", "campaign.started"]
        {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(!page.contains("secret-path"), "{page}");
        assert!(draw(&viewer(), &[], None).into_string().contains("No webhook endpoint yet"));
    }
}
