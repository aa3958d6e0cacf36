//! `/campaigns/ID/rules`: the message and the rules, as they were when the campaign was started.

use std::sync::Arc;

use axum::extract::{Path, State};
use campaign::{CampaignId, Definition, UnknownRule};
use control::CampaignReport;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::card::card;
use crate::session::Console;
use crate::viewer::Viewer;

/// `GET /campaigns/ID/rules`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Failure> {
    let (reader, caller, id) = (console.control.reader().await?, &viewer.caller, CampaignId(id));
    let report = reader.report(caller, id).await?;
    let campaign = reader.campaign(caller, id).await?;
    Ok(draw(&viewer, &report, &campaign.definition))
}

fn draw(viewer: &Viewer, report: &CampaignReport, definition: &Definition) -> Markup {
    let text = toml::to_string_pretty(definition).unwrap_or_default();
    let body = html! {
        div class="cols" {
            div class="stack" {
                @if let Some(flow) = &definition.flow { (card("Flow message", None, &flow_facts(flow))) }
                @if let Some(template) = &definition.template {
                    (card("Template message", None, &html! { dl class="facts" { dt { "Template" } dd { code { (template.name) } } dt { "Language" } dd { (template.language) } } }))
                }
                (card("As a campaign file", None, &html! { pre tabindex="0" { (text) } }))
            }
            (card("Rules", None, &rules(definition)))
        }
    };
    tab::page(viewer, report, Tab::Message, &body)
}

fn flow_facts(flow: &campaign::FlowTemplate) -> Markup {
    html! {
        div class="sent-text" {
            @if let Some(header) = &flow.header { p { b { (header) } } }
            p { (flow.body) }
            @if let Some(footer) = &flow.footer { small { (footer) } }
            p class="cta" { (flow.cta) }
        }
        dl class="facts" {
            @for (label, value) in [("Flow", &flow.flow_id), ("Flow by name", &flow.flow_name), ("First screen", &flow.screen)] {
                @if let Some(value) = value { dt { (label) } dd { code { (value) } } }
            }
        }
    }
}

/// What happens to unconfirmed recipients.
fn unconfirmed(rule: UnknownRule) -> &'static str {
    match rule {
        UnknownRule::Leave => "left until a person resolves them",
        UnknownRule::Resend => "sent again after some time",
        UnknownRule::GiveUp => "given up after some time",
    }
}

fn rules(definition: &Definition) -> Markup {
    let (policy, schedule) = (&definition.policy, &definition.schedule);
    html! {
        dl class="facts" {
            dt { "Sender" } dd { a href={ "/senders/" (definition.sender) } { (definition.sender) } }
            dt { "Rate" } dd { @if let Some(rate) = policy.rate { (rate) } @else { "that of the sender" } }
            dt { "Unconfirmed" } dd { (unconfirmed(policy.unknown)) }
            @if let Some(start) = schedule.start_at { dt { "Not before" } dd { (start) } }
            @for (name, value) in &definition.defaults { dt { "Default of " (name) } dd { (value) } }
        }
    }
}
