//! `/settings`: the person's own password, sessions and colors.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod filled;
pub(crate) mod keys;
pub(crate) mod system;
pub(crate) mod tabs;
pub(crate) mod webhook;
pub(crate) mod webhooks;

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use control::{Problem, Session};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::page::link::new_password;
use crate::page::second_factor;
use crate::page::settings::tabs::{Tab, settings_tabs};
use crate::part::alert::{done, form_error};
use crate::part::badge::badge;
use crate::part::button::{Weight, form, submit};
use crate::part::card::{card, flush};
use crate::part::field::{Field, account_name};
use crate::part::segmented;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::visit::Theme;
use crate::words::{Tone, agent, time};

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<Done>,
}

/// What was done.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Password,
    Session,
    App,
}

impl Done {
    fn text(self) -> &'static str {
        match self {
            Self::Password => "Your password was changed, and your other sessions have ended.",
            Self::Session => "The session has ended.",
            Self::App => "The authenticator app was removed; log-ins do not ask for its codes any more.",
        }
    }
}

/// `GET /settings`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let own = Own::read(&console, &viewer).await?;
    Ok(draw(&viewer, &own, asked.done.map(Done::text), None))
}

/// A new password.
#[derive(Deserialize)]
pub(crate) struct NewPassword {
    old: SecretString,
    password: SecretString,
    again: SecretString,
}

/// `POST /settings/password`
pub(crate) async fn password(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(filled): Form<NewPassword>,
) -> Result<Response, Failure> {
    let NewPassword { old, password, again } = filled;
    let text = if password.expose_secret() == again.expose_secret() {
        match console.control.change_password(&viewer.caller, old, password).await {
            Ok(()) => return Ok(Redirect::to("/settings?done=password").into_response()),
            Err(error) if matches!(error.problem(), Problem::InvalidBody | Problem::TooManyRequests) => {
                error.to_string()
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        "the two new passwords differ; enter the same one twice".to_owned()
    };
    let own = Own::read(&console, &viewer).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(&viewer, &own, None, Some(&text))).into_response())
}

/// `POST /settings/sessions/ID/end`
pub(crate) async fn end_session(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Redirect, Failure> {
    console.control.end_session(&viewer.caller, id).await?;
    Ok(Redirect::to("/settings?done=session"))
}

/// The colors of the pages.
#[derive(Deserialize)]
pub(crate) struct Colors {
    theme: String,
}

/// `POST /settings/theme`
pub(crate) async fn theme(
    State(console): State<Arc<Console>>,
    Form(Colors { theme }): Form<Colors>,
) -> Response {
    let mut response = Redirect::to("/settings").into_response();
    if let Some(cookie) = console.cookies.theme(Theme::of(&theme).word()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What the page shows of the person's account.
struct Own {
    sessions: Vec<Session>,
    /// The card of the second factor, if the installation has second factors or the account has one.
    factor: Option<Markup>,
}

impl Own {
    async fn read(console: &Console, viewer: &Viewer) -> Result<Self, Failure> {
        let sessions = console.control.own_sessions(&viewer.caller).await?;
        let left = console.control.own_second_factor(&viewer.caller).await?;
        let is_shown = left.is_some() || console.control.has_second_factors();
        Ok(Self { sessions, factor: is_shown.then(|| second_factor::settings_card(left)) })
    }
}

fn draw(viewer: &Viewer, own: &Own, note: Option<&str>, error: Option<&str>) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::Own))
        @if let Some(note) = note { (done(note)) }
        @if let Some(error) = error { (form_error(&sentence(error))) }
        div class="cols" { (account(viewer)) (appearance(viewer.visit.theme)) }
        (open_sessions(viewer, &own.sessions))
        @if let Some(factor) = &own.factor { (factor) }
        (password_card(viewer, error.is_some()))
    };
    Page::new("Settings", Section::Settings, body).draw(viewer)
}

fn account(viewer: &Viewer) -> Markup {
    let senders = viewer
        .caller
        .senders
        .as_ref()
        .map(|senders| senders.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    let body = html! {
        dl class="facts" {
            dt { "Name" } dd { (viewer.caller.name()) }
            dt { "Role" } dd { (viewer.role) }
            dt { "Senders" } dd { (senders.as_deref().unwrap_or("all")) }
            dt { "Time zone" } dd { (time::zone_name(&viewer.zone)) }
        }
    };
    card("Account", None, &body)
}

fn appearance(theme: Theme) -> Markup {
    let choices = Theme::ALL.map(|choice| {
        let label = match choice {
            Theme::System => "System",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        };
        (choice.word(), label, choice == theme)
    });
    let body = html! { form method="post" action="/settings/theme" { (segmented::buttons("Colors", "theme", &choices)) } };
    card("Colors", None, &body)
}

fn open_sessions(viewer: &Viewer, sessions: &[Session]) -> Markup {
    let columns = [
        column("Browser", Kind::Name),
        column("Action", Kind::Text),
        column("Address", Kind::Quiet),
        column("Last used", Kind::Quiet),
        column("Ends at the latest", Kind::Quiet),
    ];
    let at = |at| time::element(at, viewer.visit.now, &viewer.zone);
    let row = |session: &Session| {
        vec![
            html! {
                span class="title" { (agent::name(session.user_agent.as_deref())) }
            },
            if session.is_own {
                badge(Tone::Good, "This session")
            } else {
                form(&format!("/settings/sessions/{}/end", session.id), "End", Weight::Danger)
            },
            html! { @if let Some(address) = session.address { (address) } },
            html! { "used " (at(session.last_seen_at)) },
            html! { "until " (at(session.until)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = sessions.iter().map(row).collect();
    flush(Some("Sessions"), &table("Your sessions", &columns, &rows))
}

fn password_card(viewer: &Viewer, is_wrong: bool) -> Markup {
    let old = Field {
        name: "old",
        label: "Present password",
        kind: "password",
        autocomplete: "current-password",
        value: "",
        hint: None,
        is_wrong,
    };
    let body = html! {
        form class="form narrow-form" method="post" action="/settings/password" {
            (account_name(viewer.caller.name()))
            (old.draw())
            (new_password(is_wrong))
            div class="actions" { (submit("Change password", Weight::Plain)) }
        }
    };
    card("Password", None, &body)
}
