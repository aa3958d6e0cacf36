//! `/senders/NAME`: one sender.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use campaign::StopReason;
use control::{PastStop, PricesView, ProviderNotice, Right, SenderPage, WebhookView};
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use crate::chart::strip;
use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::campaign::action::{Done, sender_button};
use crate::page::sender_texts::{flows, templates};
use crate::page::senders::state;
use crate::part::button::{Weight, dialog, form, link};
use crate::part::card::{card, flush};
use crate::part::table::{Kind, column, table};
use crate::part::tile::{Tile, tiles};
use crate::session::Console;
use crate::shown::stops;
use crate::viewer::Viewer;
use crate::words::number::{counted, thousands};
use crate::words::{Tone, provider, stop, time, waiting};

/// The days of the strip of stops.
const DAYS: i64 = 90;

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    done: Option<Done>,
}

/// `GET /senders/NAME`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let page = console.control.reader().await?.sender_page(&viewer.caller, &name).await?;
    Ok(draw(&viewer, &page, asked.done, None))
}

/// `POST /senders/NAME/webhook`: the same page with the webhook address, which is secret.
pub(crate) async fn webhook(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Markup, Failure> {
    let webhook = console.control.sender_webhook(&viewer.caller, &name).await?;
    let page = console.control.reader().await?.sender_page(&viewer.caller, &name).await?;
    Ok(draw(&viewer, &page, None, Some(&webhook)))
}

fn draw(viewer: &Viewer, page: &SenderPage, done: Option<Done>, webhook: Option<&WebhookView>) -> Markup {
    let sender = &page.sender;
    let own = format!("/senders/{}", sender.name);
    let stopped = sender.stops.iter().find(|stop| stop.campaign_id.is_none());
    let reason = stopped.and_then(|stop| stop.reason.parse::<StopReason>().ok());
    let button = reason.map(|reason| sender_button(viewer, &sender.name, reason, &own));
    let body = html! {
        @if let Some(done) = done { (done.draw(0)) }
        (stops::of_senders(viewer.clock(), std::slice::from_ref(sender), &page.waiting, button.as_ref()))
        (numbers(page))
        div class="cols" {
            div class="stack" { (campaigns(viewer, page)) (templates(viewer, page)) (flows(viewer, page)) (history(viewer, &page.stops)) }
            div class="stack" { (settings(viewer, page)) (webhook_card(viewer, page, webhook)) (notices(viewer, page)) (prices(page.prices.as_ref())) }
        }
    };
    let shown = Page::new(&sender.name, Section::Senders, body);
    Page {
        parent: Some(("/senders", "Senders")),
        badge: Some(state(sender)),
        summary: Some(html! { (provider::name(&sender.provider)) " · +" (sender.number) }),
        actions: Some(actions(viewer, page, reason)),
        is_live: true,
        ..shown
    }
    .draw(viewer)
}

fn actions(viewer: &Viewer, page: &SenderPage, reason: Option<StopReason>) -> Markup {
    let (rights, sender) = (&viewer.caller.rights, &page.sender);
    let address = |action: &str| format!("/senders/{}/{action}", sender.name);
    html! {
        @if rights.has(Right::ManageSenders) {
            (dialog(&address("rate"), "Rate…", Weight::Plain))
            (dialog(&address("cap"), "Daily cap…", Weight::Plain))
        }
        @if rights.has(Right::HoldSenders) {
            @if reason == Some(StopReason::Operator) { (form(&address("resume"), "Resume", Weight::Primary)) }
            @else { (dialog(&address("hold"), "Pause sender…", Weight::Danger)) }
        }
    }
}

fn numbers(page: &SenderPage) -> Markup {
    let sender = &page.sender;
    let used = format!("{}.{}/s", page.sent_last_minute / 60, page.sent_last_minute % 60 / 6);
    let allowed = sender.rate.map_or_else(|| "no limit".to_owned(), |rate| format!("of {rate} allowed"));
    let cap = sender.daily_cap.as_ref();
    let left = cap.map_or_else(
        || "no daily cap".to_owned(),
        |cap| format!("of {} today, {}", thousands(cap.recipients), cap.zone),
    );
    let used_today = if cap.is_some() { thousands(sender.used_today) } else { "–".into() };
    let fed = match page.trouble.as_deref() {
        Some(trouble) => {
            waiting::Reason::of(trouble).and_then(waiting::Reason::fault).unwrap_or(trouble).to_owned()
        }
        None if page.is_fed => "fed by a producer".into(),
        None => "no producer running".into(),
    };
    let recipients: i64 =
        page.waiting.iter().filter(|wait| wait.campaign_id.is_some()).map(|wait| wait.recipients).sum();
    let shown = [
        Tile::new("Rate in the last whole minute", used, allowed),
        Tile::new("Daily cap used", used_today, left),
        Tile::new("Waiting", thousands(recipients), ""),
        Tile::new("Workers", page.workers.to_string(), fed).toned(Tone::Warn, i64::from(page.workers == 0)),
    ];
    card("Now", None, &tiles(&shown))
}

fn campaigns(viewer: &Viewer, page: &SenderPage) -> Markup {
    let columns = [
        column("Campaign", Kind::Name),
        column("Waits for", Kind::Text),
        column("Until", Kind::Quiet),
        column("Recipients", Kind::Number),
    ];
    let rows: Vec<Vec<Markup>> = page
        .waiting
        .iter()
        .filter_map(|wait| Some((wait, wait.campaign_id?)))
        .map(|(wait, id)| {
            vec![
                html! { a class="title" href={ "/campaigns/" (id) } { (page.campaigns.get(&id).map_or("Campaign", String::as_str)) } },
                html! { (waiting::label(&wait.reason)) },
                html! { @if let Some(until) = wait.until { (time::element(until, viewer.visit.now, &viewer.zone)) } },
                html! { (thousands(wait.recipients)) },
            ]
        })
        .collect();
    let body = html! {
        @if rows.is_empty() { p class="inset aside" { "No recipient waits for this sender." } }
        @else { (table("Campaigns of this sender with waiting recipients", &columns, &rows)) }
    };
    flush(Some("Campaigns"), &body)
}

/// The stops of 90 days as a strip, and the latest as a list.
fn history(viewer: &Viewer, all: &[PastStop]) -> Markup {
    let now = viewer.visit.now;
    let begin = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(now);
    let seconds = |at: jiff::Timestamp| at.as_second() - begin.as_second();
    let own: Vec<&PastStop> = all
        .iter()
        .filter(|stop| stop.stop.campaign_id.is_none() && stop.ended_at.unwrap_or(now) > begin)
        .collect();
    let bands: Vec<(i64, i64)> =
        own.iter().map(|stop| (seconds(stop.stop.since), seconds(stop.ended_at.unwrap_or(now)))).collect();
    let columns = [
        column("Reason", Kind::Name),
        column("Since", Kind::Quiet),
        column("Until", Kind::Quiet),
        column("Ended by", Kind::Quiet),
    ];
    let rows: Vec<Vec<Markup>> = own
        .iter()
        .take(10)
        .map(|row| {
            let known = row.stop.reason.parse::<StopReason>();
            let reason = known.map_or_else(|_| row.stop.reason.clone(), |reason| stop::short(reason).to_owned());
            vec![
                html! { (crate::words::capital(&reason)) @if let Some(code) = &row.code { " " code { (code) } } },
                html! { (time::element(row.stop.since, now, &viewer.zone)) },
                html! { @if let Some(at) = row.ended_at { (time::element(at, now, &viewer.zone)) } @else { "in force" } },
                html! { (row.ended_by.as_deref().unwrap_or_default()) },
            ]
        })
        .collect();
    let body = html! {
        div class="inset" {
            (strip(&bands, seconds(now), &format!("{} in {DAYS} days", counted(i64::try_from(own.len()).unwrap_or(0), "stop", "stops"))))
            p class="aside" { @if own.is_empty() { "Nothing stopped in " (DAYS) " days." } @else { (DAYS) " days ago to today" } }
        }
        @if !rows.is_empty() { (table("Stops, the newest first", &columns, &rows)) }
    };
    flush(Some("Stops"), &body)
}

fn settings(viewer: &Viewer, page: &SenderPage) -> Markup {
    let sender = &page.sender;
    let body = html! {
        dl class="facts" {
            dt { "Provider" } dd { (provider::name(&sender.provider)) }
            dt { "Number" } dd { "+" (sender.number) }
            dt { "Address" } dd { (sender.base_url) }
            @if let Some(account) = &sender.account { dt { "Account" } dd { (account) } }
            @if viewer.caller.rights.has(Right::ManageSenders) && let Some(reference) = &sender.api_key_ref { dt { "API key" } dd { code { (reference) } } }
        }
    };
    let change = link(&format!("/senders/{}/settings", sender.name), "Change…", Weight::Plain);
    let change = viewer.caller.rights.has(Right::ManageSenders).then_some(change);
    card("Settings", change.as_ref(), &body)
}

fn webhook_card(viewer: &Viewer, page: &SenderPage, webhook: Option<&WebhookView>) -> Markup {
    let body = html! {
        @match webhook {
            Some(webhook) => {
                p { "Enter this path below the public address of this installation at " (provider::name(&webhook.provider)) ". It is secret." }
                p { code class="copied" { (webhook.path) } }
                div class="actions" { button type="button" class="small" data-copy=(webhook.path) { "Copy" } }
                dl class="facts" { dt { "Verify token" } dd { code { (webhook.verify_token) } } }
            }
            None if viewer.caller.rights.has(Right::ManageSenders) => {
                p class="aside" { "Delivery receipts and answers are posted to a secret address." }
                (form(&format!("/senders/{}/webhook", page.sender.name), "Show address", Weight::Plain))
            }
            None => { p class="aside" { "Operators see the address." } }
        }
        @for posts in &page.unusable_posts {
            p class="note" { (counted(posts.n, "post", "posts")) " not used: " (posts.kind.replace('_', " ")) ", last " (time::element(posts.last_at, viewer.visit.now, &viewer.zone)) }
        }
    };
    card("Webhook", None, &body)
}

/// Notices about templates and flows that are not known here; those of known ones are beside them.
fn notices(viewer: &Viewer, page: &SenderPage) -> Markup {
    let is_known = |notice: &ProviderNotice| match notice.about.as_str() {
        "template" => page.templates.iter().any(|one| one.name == notice.name),
        _ => page.flows.iter().any(|flow| flow.flow_id == notice.name),
    };
    let notices: Vec<&ProviderNotice> = page.notices.iter().filter(|notice| !is_known(notice)).collect();
    if notices.is_empty() {
        return html! {};
    }
    let body = html! {
        dl class="facts" {
            @for notice in notices {
                dt { (crate::words::capital(&notice.about)) " " (notice.name) @if !notice.language.is_empty() { " (" (notice.language) ")" } }
                dd { b { (notice.status) } " since " (time::element(notice.noticed_at, viewer.visit.now, &viewer.zone)) }
            }
        }
    };
    card("Reports of the provider", None, &body)
}

fn prices(list: Option<&PricesView>) -> Markup {
    let body = html! {
        @match list {
            None => p class="aside" { "No price list; costs are not estimated. An operator imports one with " code { "flowcast sender prices" } "." },
            Some(list) => dl class="facts" {
                @for row in &list.prices { dt { "+" (row.calling_code) } dd { (list.currency) " " (row.price) } }
                @if let Some(price) = &list.default { dt { "Other countries" } dd { (list.currency) " " (price) } }
            },
        }
    };
    card("Prices per message", None, &body)
}
