//! `/campaigns/ID/rules`: the message and the rules, as they were when the campaign was started.

use std::sync::Arc;

use axum::extract::{Path, State};
use campaign::{CampaignId, Definition, ScheduleClock, UnknownRule};
use control::{CampaignReport, Control, KnownTexts, PreviewItem, PreviewRequest, Right};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::card::card;
use crate::preview::phone::{Shown, flow_screens, phone};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{capital, time};

/// What the page shows of the message.
struct Message {
    definition: Definition,
    texts: KnownTexts,
    /// The message of the first recipient, for people who may see what lists contain.
    first: Option<PreviewItem>,
}

/// `GET /campaigns/ID/rules`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Failure> {
    let (reader, caller, id) = (console.control.reader().await?, &viewer.caller, CampaignId(id));
    let report = reader.report(caller, id).await?;
    let definition = reader.campaign(caller, id).await?.definition;
    let texts = reader.known_texts(caller, &definition).await?;
    let first = Box::pin(first(&reader, &viewer, id)).await;
    Ok(draw(&viewer, &report, &Message { definition, texts, first }))
}

async fn first(reader: &Control, viewer: &Viewer, id: CampaignId) -> Option<PreviewItem> {
    if !(viewer.may(Right::Prepare) && viewer.may(Right::ViewRecipients)) {
        return None;
    }
    let request = PreviewRequest { definition: None, after: 0, limit: Some(1) };
    // A message that cannot be drawn, such as that of an archived campaign, is shown as it was written.
    let preview = reader.preview_campaign(&viewer.caller, id, request).await.ok()?;
    preview.items.into_iter().next().filter(|item| item.body.is_some())
}

fn draw(viewer: &Viewer, report: &CampaignReport, message: &Message) -> Markup {
    let Message { definition, .. } = message;
    let text = toml::to_string_pretty(definition).unwrap_or_default();
    let body = html! {
        div class="cols" {
            div class="stack" {
                @if let Some(flow) = &definition.flow { (card("Flow message", None, &flow_facts(flow))) }
                @if let Some(template) = &definition.template {
                    (card("Template message", None, &html! { dl class="facts" { dt { "Template" } dd { code { (template.name) } } dt { "Language" } dd { (template.language) } } }))
                }
                (card("As a campaign file", None, &html! { details { summary { "Show the file" } pre tabindex="0" { (text) } } }))
            }
            div class="stack" {
                (card("Rules", None, &rules(viewer, definition)))
                (preview(message))
            }
        }
    };
    tab::page(viewer, report, Tab::Message, &body)
}

/// The message as the first recipient gets it, and the screens of its flow.
fn preview(message: &Message) -> Markup {
    let Message { definition, texts, first } = message;
    let shown = Shown::of(definition, texts);
    // Without a row, the texts are shown as they were written.
    let written = || {
        let of_button = definition.template.iter().filter_map(|template| template.button.as_ref());
        let of_button = of_button.map(|button| &button.data);
        let data = definition.flow.as_ref().map(|flow| &flow.data).into_iter().chain(of_button).next();
        PreviewItem { data: data.cloned().unwrap_or_default(), ..PreviewItem::default() }
    };
    let screens = flow_screens(first.as_ref().unwrap_or(&written()), shown, texts);
    let body = html! {
        @if let Some(item) = first { div class="preview-desk" { (phone(item, shown)) p class="hint" { "The first recipient of the list." } } }
        (screens)
    };
    if first.is_none() && texts.flow.is_none() {
        return html! {};
    }
    card("Preview", None, &body)
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

fn rules(viewer: &Viewer, definition: &Definition) -> Markup {
    let (policy, schedule) = (&definition.policy, &definition.schedule);
    html! {
        dl class="facts" {
            dt { "Sender" } dd { a href={ "/senders/" (definition.sender) } { (definition.sender) } }
            dt { "Rate" } dd { @if let Some(rate) = policy.rate { (rate) } @else { "that of the sender" } }
            dt { "Unconfirmed" } dd { (unconfirmed(policy.unknown)) }
            @if let Some(start) = schedule.start_at { dt { "Not before" } dd { (time::element(start, viewer.visit.now, &viewer.zone)) } }
            @if !schedule.hours.is_empty() {
                dt { "Sending hours" }
                dd {
                    @for (n, hours) in schedule.hours.iter().enumerate() { @if n > 0 { br; } (capital(&hours.to_string())) }
                    br;
                    @match (schedule.clock, &schedule.zone) {
                        (ScheduleClock::Recipient, _) => "on the clock of each recipient's country",
                        (ScheduleClock::Campaign, Some(zone)) => { "in " (zone) }
                        (ScheduleClock::Campaign, None) => "in UTC",
                    }
                }
            }
            @if let Some(deadline) = policy.deadline { dt { "Deadline" } dd { (deadline) } }
            @for (name, value) in &definition.defaults { dt { "Default of " (name) } dd { (value) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use campaign::{CampaignState, FlowJson};

    use crate::viewer::tests::viewer;
    use crate::words::state::tests::report;

    #[test]
    fn the_screens_have_the_data_of_the_first_recipient_or_the_data_as_it_was_written() {
        let definition = Definition::parse(include_str!("../../../../../examples/campaign.toml")).unwrap();
        let flow = FlowJson::parse(include_str!("../../../../../examples/flow.json")).unwrap();
        let texts = KnownTexts { flow: Some(("1".into(), flow)), template: None };
        let mut message = Message { definition, texts, first: None };
        let page =
            |message: &Message| draw(&viewer(), &report(CampaignState::Finished), message).into_string();
        assert!(page(&message).contains("Hello {{ first_name }}"), "{}", page(&message));
        let serde_json::Value::Object(data) = serde_json::json!({"first_name": "Anna <b>"}) else { panic!() };
        message.first = Some(PreviewItem {
            body: Some("Hi".into()),
            button: Some("Open".into()),
            data,
            ..PreviewItem::default()
        });
        assert!(
            page(&message).contains("Hello Anna &lt;b&gt;") && page(&message).contains("class=\"phone\"")
        );
        message.definition.schedule.hours = vec!["mon-fri 09:00-18:00".parse().unwrap()];
        message.definition.schedule.zone = "Africa/Nairobi".parse().ok();
        assert!(page(&message).contains("Mon-fri 09:00-18:00<br>in Africa/Nairobi"), "{}", page(&message));
        message.texts.flow = None;
        message.first = None;
        assert!(!page(&message).contains("Preview"));
    }
}
