//! `/campaigns/new/preview` and `/campaigns/ID/message/preview`: what follows while a person writes the message.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use campaign::{CampaignId, Definition};
use control::{Campaign, Error, PreviewItem, PreviewRequest};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::sentence;
use crate::preview::phone::{Shown, flow_screens, phone};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;
use crate::wizard::known_choice::KnownChoices;
use crate::wizard::message_form::{chips, defaults};
use crate::wizard::{Exit, draft, may_prepare};

/// `POST /campaigns/new/preview`
pub(crate) async fn preview_new(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Markup, Exit> {
    may_prepare(&viewer)?;
    let mut fields = Fields::sent(sent);
    let choices = KnownChoices::read(&console, &viewer).await?;
    choices.complete(&mut fields);
    let preview = preview_of(&console, &viewer, None, &fields).await;
    Ok(parts(&preview, &fields, (&[], &choices)))
}

/// `POST /campaigns/ID/message/preview`
pub(crate) async fn preview(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Markup, Exit> {
    let (draft, mut fields) = (draft(&console, &viewer, id).await?, Fields::sent(sent));
    let choices = KnownChoices::read(&console, &viewer).await?;
    choices.complete(&mut fields);
    let preview = preview_of(&console, &viewer, Some(&draft), &fields).await;
    let columns = columns(&console, &viewer, Some(&draft)).await?;
    Ok(parts(&preview, &fields, (&columns, &choices)))
}

/// The parts of the page that are drawn again. Morphing keeps the focus in a field for an empty cell.
fn parts(preview: &Markup, fields: &Fields, (columns, choices): (&[String], &KnownChoices)) -> Markup {
    html! {
        (preview)
        hx-partial hx-target="#screens" hx-swap="innerHTML" { (choices.screens(fields)) }
        hx-partial hx-target="#chips" hx-swap="innerMorph" { (chips(fields, columns)) }
        hx-partial hx-target="#defaults" hx-swap="innerMorph" { (defaults(Inputs { fields, faults: &[] })) }
    }
}

/// The message of the form, filled in for the first recipient; or why it cannot be drawn.
pub(crate) async fn preview_of(
    console: &Console,
    viewer: &Viewer,
    draft: Option<&Campaign>,
    fields: &Fields,
) -> Markup {
    let base = draft.map(|draft| &draft.definition);
    let definition = match fields.for_preview(base) {
        Ok(definition) => definition,
        Err(faults) => return cannot(&faults),
    };
    // A made-up screen is not shown.
    let screen = Some(fields.get("screen")).filter(|screen| !screen.is_empty());
    let known = console.control.known_texts(&viewer.caller, &definition).await.unwrap_or_default();
    let shown = Shown { screen, ..Shown::of(&definition, &known) };
    match item(console, viewer, draft, &definition).await {
        Ok(Some(item)) => html! {
            (phone(&item, shown))
            p class="hint" {
                @if item.seq.is_some() { "The first recipient of your list. " }
                @else { "Variables show their names; after the upload, values of your list. " }
                "WhatsApp may draw it a little differently."
            }
            (flow_screens(&item, shown, &known))
        },
        Ok(None) => html! { p class="hint" { "The list has no recipient to show." } },
        Err(error) => cannot(&[Fault::new("form", Failure::from(error).text)]),
    }
}

async fn item(
    console: &Console,
    viewer: &Viewer,
    draft: Option<&Campaign>,
    definition: &Definition,
) -> Result<Option<PreviewItem>, Error> {
    let Some(draft) = draft else {
        return console.control.preview_definition(&viewer.caller, definition).await.map(Some);
    };
    let request = PreviewRequest { definition: Some(definition.clone()), after: 0, limit: Some(1) };
    let preview =
        console.control.preview_campaign(&viewer.caller, CampaignId(draft.campaign_id), request).await?;
    Ok(preview.items.into_iter().next())
}

fn cannot(faults: &[Fault]) -> Markup {
    html! {
        div class="phone" { div class="screen" { @for fault in faults { p class="bubble problem" { (sentence(&fault.text)) } } } }
    }
}

/// The columns of the lists of a draft, as variables.
pub(crate) async fn columns(
    console: &Console,
    viewer: &Viewer,
    draft: Option<&Campaign>,
) -> Result<Vec<String>, Exit> {
    let Some(draft) = draft else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for list in console.control.lists(&viewer.caller, CampaignId(draft.campaign_id)).await? {
        let is_variable = |column: &&String| Some(*column) != list.number_column.as_ref();
        names.extend(list.columns.iter().filter(is_variable).map(|column| control::variable_name(column)));
    }
    names.sort();
    names.dedup();
    Ok(names)
}
