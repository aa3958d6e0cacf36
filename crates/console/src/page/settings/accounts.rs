//! `/settings/accounts`: the accounts of people, and new ones.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control::{Account, AccountLink, Grant, NewAccount, Role};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::settings::filled::{Filled, again, grant_fields, senders_of};
use crate::page::settings::tabs::{Tab, fresh, settings_tabs};
use crate::part::alert::done;
use crate::part::badge::badge;
use crate::part::button::{Weight, link, submit};
use crate::part::card::{card, flush};
use crate::part::field::Field;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{Tone, time};

pub(super) const ADDRESS: &str = "/settings/accounts";

/// `GET /settings/accounts`
pub(crate) async fn show(State(console): State<Arc<Console>>, viewer: Viewer) -> Result<Markup, Failure> {
    page(&console, &viewer, None).await
}

/// `POST /settings/accounts`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    filled: Filled,
) -> Result<Response, Failure> {
    let added = async {
        let grant = filled.grant(&viewer)?;
        let email = filled.optional("email").map(str::to_owned);
        let new = NewAccount { name: filled.text("name").to_owned(), email, grant };
        console.control.add_account(&viewer.caller, new).await
    };
    match added.await {
        Ok(added) => {
            let note = format!("The account '{}' was added.", added.result.account.name);
            Ok(draw_link(&console, &viewer, &added.result, &note).into_response())
        }
        Err(error) => again(error, async |note| page(&console, &viewer, note).await).await,
    }
}

async fn page(console: &Console, viewer: &Viewer, note: Option<Markup>) -> Result<Markup, Failure> {
    let accounts = console.control.accounts(&viewer.caller).await?;
    let senders = console.sender_names(&viewer.caller).await?;
    Ok(draw(viewer, &accounts, &senders, note))
}

fn draw(viewer: &Viewer, accounts: &[Account], senders: &[String], note: Option<Markup>) -> Markup {
    let body = html! {
        (settings_tabs(viewer, Tab::Accounts))
        @if let Some(note) = note { (note) }
        (list(viewer, accounts))
        (card("Add an account", None, &fresh(viewer, ADDRESS, &add_form(viewer, senders))))
    };
    Page::new("Accounts", Section::Settings, body).draw(viewer)
}

fn list(viewer: &Viewer, accounts: &[Account]) -> Markup {
    let columns = [
        column("Account", Kind::Name),
        column("State", Kind::Text),
        column("Role", Kind::Text),
        column("Senders", Kind::Quiet),
        column("Added", Kind::Quiet),
    ];
    let row = |account: &Account| {
        vec![
            html! {
                a class="title" href={ (ADDRESS) "/" (account.name) } { (account.name) }
                @if let Some(email) = &account.email { small { (email) } }
            },
            state(account),
            html! { (describe(&account.grant)) },
            html! { (senders_of(&account.grant)) },
            html! { "by " (account.created_by) " " (time::element(account.created_at, viewer.visit.now, &viewer.zone)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = accounts.iter().map(row).collect();
    flush(None, &table("Accounts by name", &columns, &rows))
}

/// Whether the person can log in.
pub(super) fn state(account: &Account) -> Markup {
    match (account.disabled_at, account.has_password) {
        (Some(_), _) => badge(Tone::Quiet, "Disabled"),
        (None, false) => badge(Tone::Warn, "No password yet"),
        (None, true) => badge(Tone::Good, "Active"),
    }
}

fn describe(grant: &Grant) -> String {
    let numbers = if grant.has_numbers { ", phone numbers" } else { "" };
    format!("{}{numbers}", crate::words::capital(grant.role.word()))
}

fn add_form(viewer: &Viewer, senders: &[String]) -> Markup {
    let name = Field {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "off",
        value: "",
        hint: Some("Letters, digits, '.', '-' and '_'. The person logs in with it."),
        is_wrong: false,
    };
    html! {
        form class="form" method="post" action=(ADDRESS) {
            div class="fields" { (name.draw()) (email("")) }
            (grant_fields(viewer, senders, &Grant { role: Role::Marketer, has_numbers: false, senders: None }))
            div class="actions" { (submit("Add account", Weight::Primary)) }
        }
    }
}

pub(super) fn email(value: &str) -> Markup {
    html! { label { "Email address" input type="email" name="email" autocomplete="off" maxlength="200" value=(value); } }
}

/// The page with a one-time link, which is shown once.
pub(super) fn draw_link(console: &Console, viewer: &Viewer, linked: &AccountLink, note: &str) -> Markup {
    let minutes = linked.valid.as_secs() / 60;
    let text = html! {
        p { "Give this link to " b { (linked.account.name) } ". It sets the password, can be used once, and is valid for " (minutes) " minutes." }
        @if let Some(path) = linked.path() { p { code class="secret" { (console.base) (path) } } }
        p class="actions" { (link(ADDRESS, "Done", Weight::Primary)) }
    };
    let body =
        html! { (settings_tabs(viewer, Tab::Accounts)) (done(note)) (card("One-time link", None, &text)) };
    Page::new("Accounts", Section::Settings, body).draw(viewer)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    pub(in crate::page::settings) fn account(name: &str) -> Account {
        Account {
            name: name.into(),
            email: Some("anna@example.org".into()),
            grant: Grant { role: Role::Marketer, has_numbers: true, senders: Some(["ke".to_owned()].into()) },
            has_password: true,
            zone: None,
            created_at: "2026-11-01T09:00:00Z".parse().unwrap(),
            created_by: "root".into(),
            disabled_at: None,
        }
    }

    #[test]
    fn accounts_say_whether_the_person_can_log_in() {
        let new = Account { has_password: false, ..account("berta") };
        let disabled = Account { disabled_at: "2026-11-30T09:00:00Z".parse().ok(), ..account("carl") };
        let page = draw(&viewer(), &[account("anna"), new, disabled], &[], None).into_string();
        for expected in [
            "Active",
            "No password yet",
            "Disabled",
            "Marketer, phone numbers",
            r#"href="/settings/accounts/anna""#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }
}
