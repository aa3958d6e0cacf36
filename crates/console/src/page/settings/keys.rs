//! `/settings/keys`: API keys: one's own, or for admins all.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use control::{ApiKey, Error, Grant, NewApiKey, Right, Role};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::settings::filled::{Filled, again, grant_fields, senders_of, wrong};
use crate::page::settings::tabs::{Tab, fresh, settings_tabs};
use crate::part::alert::done;
use crate::part::badge::badge;
use crate::part::button::{Weight, form, link, submit};
use crate::part::card::{card, empty, flush};
use crate::part::field::Field;
use crate::part::filter::select;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{Tone, time};

const ADDRESS: &str = "/settings/keys";
/// Days until a key expires.
const DAYS: [(&str, &str); 4] =
    [("30", "in 30 days"), ("90", "in 90 days"), ("180", "in 180 days"), ("365", "in 365 days")];

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    revoked: Option<String>,
}

/// `GET /settings/keys`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let note = asked.revoked.map(|_| done("The key is revoked. Requests with it are refused from now on."));
    page(&console, &viewer, note).await
}

/// `POST /settings/keys`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    filled: Filled,
) -> Result<Response, Failure> {
    let added = async {
        let new = read(&viewer, &filled)?;
        console.control.add_key(&viewer.caller, new).await
    };
    match added.await {
        Ok(added) => Ok(draw_added(&viewer, &added.result).into_response()),
        Err(error) => again(error, async |note| page(&console, &viewer, note).await).await,
    }
}

fn read(viewer: &Viewer, filled: &Filled) -> Result<NewApiKey, Error> {
    let name =
        filled.optional("name").ok_or_else(|| wrong("the key has no name; write what it is for"))?.to_owned();
    let days: u64 = filled.text("days").parse().map_err(|_| wrong("choose when the key expires"))?;
    let networks = filled.text("networks").split([',', ' ']).filter(|network| !network.is_empty());
    let networks: Result<Vec<ipnet::IpNet>, Error> = networks
        .map(|network| {
            let address = network.parse().or_else(|_| network.parse::<std::net::IpAddr>().map(Into::into));
            address.map_err(|_| wrong(format!("'{network}' is not a network; write one like 192.0.2.0/24")))
        })
        .collect();
    let valid = Duration::from_hours(24 * days.min(10_000));
    Ok(NewApiKey { name, grant: filled.grant(viewer)?, networks: networks?, valid })
}

/// `POST /settings/keys/ID/revoke`
pub(crate) async fn revoke(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Redirect, Failure> {
    console.control.revoke_key(&viewer.caller, &id).await?;
    Ok(Redirect::to("/settings/keys?revoked=yes"))
}

async fn page(console: &Console, viewer: &Viewer, note: Option<Markup>) -> Result<Markup, Failure> {
    let keys = if viewer.may(Right::ManageAccounts) {
        console.control.keys(&viewer.caller).await?
    } else {
        console.control.own_keys(&viewer.caller).await?
    };
    let senders = console.sender_names(&viewer.caller).await?;
    Ok(draw(viewer, &keys, &senders, note))
}

fn draw(viewer: &Viewer, keys: &[ApiKey], senders: &[String], note: Option<Markup>) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::Keys))
        @if let Some(note) = note { (note) }
        @if keys.is_empty() { (none()) } @else { (list(viewer, keys)) }
        (card("Add a key", None, &fresh(viewer, ADDRESS, &add_form(viewer, senders))))
    };
    Page::new("API keys", Section::Settings, body).draw(viewer)
}

fn none() -> Markup {
    let text = html! { "A program of yours needs a key to import lists, start campaigns or read reports over the HTTP API." };
    flush(None, &empty("No API key yet", &text, None))
}

fn list(viewer: &Viewer, keys: &[ApiKey]) -> Markup {
    let columns = [
        column("Key", Kind::Name),
        column("State", Kind::Text),
        column("May", Kind::Quiet),
        column("Last used", Kind::Quiet),
        column("Added", Kind::Quiet),
        column("Action", Kind::Text),
    ];
    let rows: Vec<Vec<Markup>> = keys.iter().map(|key| row(viewer, key)).collect();
    flush(None, &table("API keys, the newest first", &columns, &rows))
}

fn row(viewer: &Viewer, key: &ApiKey) -> Vec<Markup> {
    let now = viewer.visit.now;
    let at = |at| time::element(at, now, &viewer.zone);
    let is_valid = key.revoked_at.is_none() && key.expires_at > now;
    vec![
        html! { span class="title" { (key.name) } small { "fc_" (key.id) "_…" } },
        if let Some(revoked) = key.revoked_at {
            html! { (badge(Tone::Quiet, "Revoked")) small { (at(revoked)) } }
        } else if is_valid {
            html! { (badge(Tone::Good, "Valid")) small { "until " (at(key.expires_at)) } }
        } else {
            html! { (badge(Tone::Warn, "Expired")) small { (at(key.expires_at)) } }
        },
        html! {
            (key.grant.role) ", " (senders_of(&key.grant)) @if key.grant.has_numbers { ", phone numbers" }
            @if let Some(networks) = &key.networks { small { "from " (networks.join(", ")) } }
        },
        html! { @if let Some(used) = key.last_used_at { "used " (at(used)) } @else { "never used" } },
        html! { "by " (key.created_by) " " (at(key.created_at)) },
        html! {
            @if is_valid { (form(&format!("{ADDRESS}/{}/revoke", key.id), "Revoke", Weight::Danger)) }
        },
    ]
}

fn add_form(viewer: &Viewer, senders: &[String]) -> Markup {
    let name = Field {
        name: "name",
        label: "What it is for",
        kind: "text",
        autocomplete: "off",
        value: "",
        hint: None,
        is_wrong: false,
    };
    html! {
        form class="form" method="post" action=(ADDRESS) {
            div class="fields" {
                (name.draw())
                (select("days", "Expires", &DAYS, "90"))
                label {
                    "Networks"
                    input type="text" name="networks" autocomplete="off" maxlength="500" aria-describedby="networks-hint";
                    span class="hint" id="networks-hint" { "Such as 192.0.2.0/24. Empty: requests may come from anywhere." }
                }
            }
            (grant_fields(viewer, senders, &Grant { role: Role::Viewer, has_numbers: false, senders: None }))
            div class="actions" { (submit("Add key", Weight::Primary)) }
        }
    }
}

fn draw_added(viewer: &Viewer, added: &control::NewApiKeySecret) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::Keys))
        (done(&format!("The key '{}' was added.", added.key.name)))
        @let text = html! {
            p { "Copy the key now. It is shown once: Flowcast stores only its hash." }
            @if let Some(secret) = &added.secret { p { code class="secret" { (secret.secret()) } } }
            p class="hint" { "Send it with each request as " code { "Authorization: Bearer fc_…" } ". The API is described at " a href="/api/v1/openapi.json" { "/api/v1/openapi.json" } "." }
            p class="actions" { (link(ADDRESS, "Done", Weight::Primary)) }
        };
        (card(&added.key.name, None, &text))
    };
    Page::new("API keys", Section::Settings, body).draw(viewer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    fn key(name: &str) -> ApiKey {
        ApiKey {
            id: "ab12cd34".into(),
            name: name.into(),
            grant: Grant { role: Role::Marketer, has_numbers: false, senders: None },
            networks: Some(vec!["192.0.2.0/24".into()]),
            created_at: "2026-11-01T09:00:00Z".parse().unwrap(),
            created_by: "anna".into(),
            account: Some("anna".into()),
            expires_at: "2027-01-30T09:00:00Z".parse().unwrap(),
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn keys_say_whether_they_are_valid_and_only_valid_ones_can_be_revoked() {
        let revoked = ApiKey { revoked_at: "2026-11-30T10:00:00Z".parse().ok(), ..key("old") };
        let expired = ApiKey { expires_at: "2026-11-30T10:00:00Z".parse().unwrap(), ..key("test") };
        let page =
            draw(&viewer(), &[key("<b>back office"), revoked, expired], &["ke".into()], None).into_string();
        for expected in [
            "&lt;b&gt;back office",
            "Valid",
            "Revoked",
            "Expired",
            "marketer, all senders",
            "from 192.0.2.0/24",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert_eq!(page.matches("/settings/keys/ab12cd34/revoke").count(), 1, "{page}");
        assert!(draw(&viewer(), &[], &[], None).into_string().contains("No API key yet"));
    }
}
