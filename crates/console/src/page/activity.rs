//! `/activity`: what people and programs did, from the audit.

use std::sync::Arc;

use axum::extract::{Query, State};
use control::{Action, AuditQuery, AuditView, PageRequest};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::part::badge::badge;
use crate::part::card::empty;
use crate::part::filter::{filter_bar, search, select};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{Tone, action, agent, capital, time};

/// Rows of a page.
const LIMIT: u32 = 50;
/// The kinds of objects, as the audit names them.
const OBJECTS: [(&str, &str); 9] = [
    ("", "Everything"),
    ("campaign", "Campaigns"),
    ("sender", "Senders"),
    ("suppressions", "Suppression list"),
    ("account", "Accounts"),
    ("session", "Sessions"),
    ("api_key", "API keys"),
    ("webhook_endpoint", "Webhook endpoints"),
    ("installation", "Installation"),
];

/// Which rows are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    who: String,
    about: String,
    what: String,
    object: String,
    after: String,
}

impl Asked {
    fn is_filtered(&self) -> bool {
        !(self.who.is_empty() && self.about.is_empty() && self.what.is_empty() && self.object.is_empty())
    }

    fn query(&self) -> AuditQuery {
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        AuditQuery {
            actor: given(&self.who),
            action: given(&self.what),
            object_kind: given(&self.about),
            object: given(&self.object),
        }
    }

    /// The address of the page after this row.
    fn next(&self, after: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in
            [("who", &self.who), ("about", &self.about), ("what", &self.what), ("object", &self.object)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/activity?{}", query.append_pair("after", after).finish())
    }
}

/// `GET /activity`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let after = (!asked.after.is_empty()).then(|| asked.after.clone());
    let page = PageRequest { after, limit: Some(LIMIT) };
    let rows = console.control.audit(&viewer.caller, &asked.query(), &page).await?;
    Ok(draw(&viewer, &asked, &rows))
}

fn draw(viewer: &Viewer, asked: &Asked, rows: &control::Page<AuditView>) -> Markup {
    let body = html! {
        section class="card flush" {
            (filters(asked))
            @if rows.items.is_empty() {
                (empty("Nothing found", &html! { "Nobody did anything that these filters show." }, None))
            } @else { (list(viewer, &rows.items)) }
            @if let Some(next) = &rows.next {
                nav class="pager" aria-label="Pages" { a href=(asked.next(next)) { "Older →" } }
            }
        }
    };
    let summary = html! { "Every change and every refused attempt. Nobody can edit it; " code { "flowcast audit verify" } " checks that." };
    let page = Page::new("Activity", Section::Activity, body);
    Page { summary: Some(summary), ..page }.draw(viewer)
}

fn filters(asked: &Asked) -> Markup {
    let mut actions: Vec<(&str, &str)> = vec![("", "Every action")];
    actions.extend(
        Action::ALL
            .into_iter()
            .filter(|action| action.is_audited())
            .map(|one| (one.word(), action::verb(one))),
    );
    let fields = html! {
        (search("who", "Who", "Name or key", &asked.who))
        (select("about", "About", &OBJECTS, &asked.about))
        (select("what", "What", &actions, &asked.what))
        @if !asked.object.is_empty() { input type="hidden" name="object" value=(asked.object); }
    };
    filter_bar("/activity", &fields, asked.is_filtered())
}

fn list(viewer: &Viewer, rows: &[AuditView]) -> Markup {
    let columns = [
        column("When", Kind::Quiet),
        column("What", Kind::Name),
        column("About", Kind::Text),
        column("Result", Kind::Text),
        column("From", Kind::Quiet),
    ];
    let rows: Vec<Vec<Markup>> = rows.iter().map(|row| cells(viewer, row)).collect();
    table("Activity, the newest first", &columns, &rows)
}

fn cells(viewer: &Viewer, row: &AuditView) -> Vec<Markup> {
    vec![
        time::element(row.at, viewer.visit.now, &viewer.zone),
        html! {
            b { (row.actor) } " " (verb(&row.action))
            small { (actor_kind(&row.actor_kind)) @if let Some(reason) = reason(row) { " · reason: " (reason) } }
            @if has_details(row) { details { summary { "Details" } code { (row.details) } } }
        },
        about(row),
        match row.outcome.as_str() {
            "done" => badge(Tone::Good, "Done"),
            "refused" => badge(Tone::Warn, "Refused"),
            _ => badge(Tone::Bad, "Failed"),
        },
        html! {
            @if let Some(address) = row.address { (address) }
            @if let Some(agent) = &row.user_agent { small { (agent::name(Some(agent))) } }
        },
    ]
}

fn verb(word: &str) -> String {
    let known = Action::ALL.into_iter().find(|known| known.word() == word);
    known.map_or_else(|| format!("did '{word}'"), |known| action::verb(known).to_owned())
}

fn actor_kind(kind: &str) -> String {
    match kind {
        "command" => "by command".into(),
        "account" => "in the console".into(),
        "api_key" => "API key".into(),
        "rule" => "by a rule".into(),
        other => other.into(),
    }
}

fn reason(row: &AuditView) -> Option<&str> {
    row.details.get("reason").and_then(|reason| reason.as_str()).filter(|reason| !reason.is_empty())
}

fn has_details(row: &AuditView) -> bool {
    row.details.as_object().is_some_and(|details| !details.is_empty())
}

fn about(row: &AuditView) -> Markup {
    let kind = match row.object_kind.as_str() {
        "api_key" => "API key".to_owned(),
        kind => capital(&kind.replace('_', " ")),
    };
    let Some(object) = &row.object else { return html! { (kind) } };
    match row.object_kind.as_str() {
        "campaign" => html! { a href={ "/campaigns/" (object) } { (kind) " " (object) } },
        "account" => html! { a href={ "/settings/accounts/" (object) } { (kind) " " (object) } },
        _ => html! { (kind) " " (object) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use serde_json::json;

    fn row(outcome: &str) -> AuditView {
        AuditView {
            audit_id: 9,
            at: "2026-11-30T09:00:00Z".parse().unwrap(),
            actor_kind: "account".into(),
            actor: "anna".into(),
            action: "campaign.pause".into(),
            object_kind: "campaign".into(),
            object: Some("7".into()),
            outcome: outcome.into(),
            details: json!({ "reason": "<b>wrong picture" }),
            address: "192.0.2.7".parse().ok(),
            user_agent: None,
            request_id: None,
        }
    }

    #[test]
    fn a_row_says_who_did_what_and_why() {
        let rows = control::Page { items: vec![row("done"), row("refused")], next: Some("9".into()) };
        let asked = Asked { who: "anna & co".into(), ..Asked::default() };
        let page = draw(&viewer(), &asked, &rows).into_string();
        for expected in [
            "<b>anna</b> paused the campaign",
            "in the console · reason: &lt;b&gt;wrong picture",
            r#"<a href="/campaigns/7">Campaign 7</a>"#,
            "Refused",
            "192.0.2.7",
            "/activity?who=anna+%26+co&amp;after=9",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }

    #[test]
    fn an_action_of_a_newer_version_is_shown_by_its_name() {
        assert_eq!(verb("of.the.future"), "did 'of.the.future'");
    }
}
