//! `/settings/accounts/NAME`: one account.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use control::{Account, AccountEdit, Caller, Session, Versioned};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::settings::accounts::{ADDRESS, draw_link, email, state};
use crate::page::settings::filled::{Filled, again, grant_fields};
use crate::page::settings::tabs::{Tab, fresh, settings_tabs};
use crate::part::alert::done;
use crate::part::button::{Weight, form, submit};
use crate::part::card::{card, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{agent, time};

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<Done>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Saved,
    Disabled,
    Enabled,
    Sessions,
}

impl Done {
    fn text(self) -> &'static str {
        match self {
            Self::Saved => "The account was changed. It holds from the next request of the person.",
            Self::Disabled => "The account is disabled, and its sessions and links have ended.",
            Self::Enabled => "The account is enabled.",
            Self::Sessions => "The sessions of the account have ended.",
        }
    }
}

/// `GET /settings/accounts/NAME`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let note = asked.done.map(|what| done(what.text()));
    page(&console, &viewer, &name, note).await
}

/// `POST /settings/accounts/NAME`
pub(crate) async fn change(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    filled: Filled,
) -> Result<Response, Failure> {
    let changed = async {
        let grant = filled.grant(&viewer)?;
        let edit = AccountEdit {
            email: Some(filled.optional("email").map(str::to_owned)),
            role: Some(grant.role),
            has_numbers: Some(grant.has_numbers),
            senders: Some(grant.senders.map(|senders| senders.into_iter().collect())),
            zone: Some(filled.optional("zone").map(str::to_owned)),
            is_disabled: None,
        };
        // The version that the form was filled in for: another change meanwhile is not overwritten.
        let caller =
            Caller { expected_versions: vec![filled.text("version").to_owned()], ..viewer.caller.clone() };
        console.control.change_account(&caller, &name, edit).await
    };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&format!("{ADDRESS}/{name}?done=saved")).into_response()),
        Err(error) => again(error, async |note| page(&console, &viewer, &name, note).await).await,
    }
}

/// `POST /settings/accounts/NAME/disable` and `/enable`
pub(crate) async fn switch(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, action)): Path<(String, String)>,
) -> Result<Redirect, Failure> {
    let is_disabled = match action.as_str() {
        "disable" => true,
        "enable" => false,
        _ => return Err(Failure::of_status(StatusCode::NOT_FOUND)),
    };
    let edit = AccountEdit { is_disabled: Some(is_disabled), ..AccountEdit::default() };
    console.control.change_account(&viewer.caller, &name, edit).await?;
    Ok(Redirect::to(&format!("{ADDRESS}/{name}?done={action}d")))
}

/// `POST /settings/accounts/NAME/link`
pub(crate) async fn new_link(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Markup, Failure> {
    let linked = console.control.new_link(&viewer.caller, &name).await?;
    let note = "A new link was made. Earlier links are not valid any more; the present password is, until the link is used.";
    Ok(draw_link(&console, &viewer, &linked.result, note))
}

/// `POST /settings/accounts/NAME/sessions/end`
pub(crate) async fn end_sessions(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Redirect, Failure> {
    console.control.end_sessions(&viewer.caller, &name).await?;
    Ok(Redirect::to(&format!("{ADDRESS}/{name}?done=sessions")))
}

async fn page(
    console: &Console,
    viewer: &Viewer,
    name: &str,
    note: Option<Markup>,
) -> Result<Markup, Failure> {
    let account = console.control.account(&viewer.caller, name).await?;
    let sessions = console.control.sessions(&viewer.caller).await?;
    let sessions: Vec<Session> =
        sessions.into_iter().filter(|session| session.account == account.name).collect();
    let senders = console.sender_names(&viewer.caller).await?;
    Ok(draw(viewer, &account, (&sessions, &senders), note))
}

fn draw(
    viewer: &Viewer,
    account: &Account,
    (sessions, senders): (&[Session], &[String]),
    note: Option<Markup>,
) -> Markup {
    let address = format!("{ADDRESS}/{}", account.name);
    let body = html! {
        (settings_tabs(viewer, Tab::Accounts))
        @if let Some(note) = note { (note) }
        (card("Account", None, &fresh(viewer, &address, &edit_form(viewer, account, senders))))
        (access(viewer, account, &address))
        @if !sessions.is_empty() { (open_sessions(viewer, sessions, &address)) }
    };
    let page = Page::new(&account.name, Section::Settings, body);
    Page { parent: Some((ADDRESS, "Accounts")), badge: Some(state(account)), ..page }.draw(viewer)
}

fn edit_form(viewer: &Viewer, account: &Account, senders: &[String]) -> Markup {
    html! {
        form class="form" method="post" {
            input type="hidden" name="version" value=(account.version());
            div class="fields" {
                (email(account.email.as_deref().unwrap_or_default()))
                label {
                    "Time zone"
                    input type="text" name="zone" autocomplete="off" maxlength="60" value=(account.zone.as_deref().unwrap_or_default()) aria-describedby="zone-hint";
                    span class="hint" id="zone-hint" { "Such as Africa/Nairobi. Empty: the zone of the console." }
                }
            }
            (grant_fields(viewer, senders, &account.grant))
            div class="actions" { (submit("Save", Weight::Primary)) }
        }
    }
}

fn access(viewer: &Viewer, account: &Account, address: &str) -> Markup {
    let actions = html! {
        div class="actions" {
            @if account.disabled_at.is_some() { (form(&format!("{address}/enable"), "Enable", Weight::Plain)) }
            @else {
                (form(&format!("{address}/link"), if account.has_password { "Reset password by a link" } else { "New link" }, Weight::Plain))
                (form(&format!("{address}/disable"), "Disable", Weight::Danger))
            }
        }
        p class="hint" { "Whoever is disabled cannot log in; sessions and API keys of the account end at once. What the person did stays in the activity." }
    };
    card("Access", None, &fresh(viewer, address, &actions))
}

fn open_sessions(viewer: &Viewer, sessions: &[Session], address: &str) -> Markup {
    let columns =
        [column("Browser", Kind::Name), column("Address", Kind::Quiet), column("Last used", Kind::Quiet)];
    let row = |session: &Session| {
        vec![
            html! { span class="title" { (agent::name(session.user_agent.as_deref())) } },
            html! { @if let Some(address) = session.address { (address) } },
            html! { "used " (time::element(session.last_seen_at, viewer.visit.now, &viewer.zone)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = sessions.iter().map(row).collect();
    let end = form(&format!("{address}/sessions/end"), "End all", Weight::Danger);
    html! {
        (flush(Some("Open sessions"), &table("Open sessions of the account", &columns, &rows)))
        (fresh(viewer, address, &end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::settings::accounts::tests::account;
    use crate::viewer::tests::viewer;

    #[test]
    fn a_form_is_filled_with_the_present_values_and_their_version() {
        let mut admin = viewer();
        admin.caller.rights = control::Rights::all();
        let anna = account("anna");
        let page = draw(&admin, &anna, (&[], &["ke".into(), "tz".into()]), None).into_string();
        for expected in [
            &format!(r#"name="version" value="{}""#, anna.version()),
            r#"name="senders" value="ke" checked"#,
            r#"name="senders" value="tz">"#,
            r#"<option value="marketer" selected>"#,
            r#"name="numbers" value="true" checked"#,
            "/settings/accounts/anna/disable",
            "Reset password by a link",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        let disabled = Account { disabled_at: Some(admin.visit.now), ..anna };
        let page = draw(&admin, &disabled, (&[], &[]), None).into_string();
        assert!(page.contains("/anna/enable") && !page.contains("/anna/disable"), "{page}");
    }
}
