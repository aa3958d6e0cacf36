//! `/senders/NAME/flows` and `/senders/NAME/flows/ID`: a known flow is added, shown, replaced or removed.

use std::sync::Arc;

use axum::extract::multipart::Multipart;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::FlowJson;
use control::{Caller, Error, FlowDetails, NewFlow, Problem, Right, Versioned as _};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::page::ask::Ask;
use crate::page::flow_form::{FlowForm, form};
use crate::part::alert::done;
use crate::part::button::{Weight, dialog};
use crate::part::card::card;
use crate::preview::screens::screens;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};
use crate::words::time;

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    done: String,
}

/// `GET /senders/NAME/flows`: the form that adds a flow.
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Markup, Failure> {
    may_change(&viewer)?;
    let sender = console.control.sender(&viewer.caller, &name).await?.name;
    Ok(draw_new(&viewer, &sender, Inputs { fields: &Fields::default(), faults: &[] }))
}

/// People who may prepare campaigns add flows and templates. The control plane refuses each action of others as well.
pub(crate) fn may_change(viewer: &Viewer) -> Result<(), Failure> {
    if viewer.may(Right::Prepare) {
        return Ok(());
    }
    let text = "your account may not add flows or templates; ask an admin for the role marketer";
    Err(Failure::new(StatusCode::FORBIDDEN, text))
}

fn draw_new(viewer: &Viewer, sender: &str, inputs: Inputs<'_>) -> Markup {
    let own = format!("/senders/{sender}/flows");
    let body = html! { (summary(inputs.faults)) div class="narrow-card" { (card("", None, &form(inputs, &own, true))) } };
    let page = Page::new("Add a flow", Section::Senders, body);
    Page { parent: Some((&format!("/senders/{sender}"), sender)), ..page }.draw(viewer)
}

/// `POST /senders/NAME/flows`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    sent: Multipart,
) -> Result<Response, Failure> {
    may_change(&viewer)?;
    let sent = FlowForm::read(sent).await?;
    let id = sent.fields.get("flow_id").trim().to_owned();
    match set(&console, &viewer, (&name, &id), &sent).await? {
        Ok(to) => Ok(to.into_response()),
        Err(fault) => {
            let inputs = Inputs { fields: &sent.fields, faults: &[fault] };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, draw_new(&viewer, &name, inputs)).into_response())
        }
    }
}

/// Stores a flow; or what is wrong with the form.
async fn set(
    console: &Console,
    viewer: &Viewer,
    (sender, id): (&str, &str),
    sent: &FlowForm,
) -> Result<Result<Redirect, Fault>, Failure> {
    if sent.flow_json.trim().is_empty() {
        return Ok(Err(Fault::new("file", "Choose the file of the flow, or paste its text")));
    }
    let new = NewFlow { name: sent.fields.get("flow_name").to_owned(), flow_json: sent.flow_json.clone() };
    match console.control.set_flow(&viewer.caller, sender, id, &new).await {
        Ok(_) => Ok(Ok(Redirect::to(&format!("/senders/{sender}/flows/{id}?done=stored")))),
        Err(error) if matches!(error.problem(), Problem::InvalidBody | Problem::VersionConflict) => {
            Ok(Err(fault(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The refusal at its field.
fn fault(error: &Error) -> Fault {
    let field = match error.member() {
        Some("name") => "flow_name",
        Some("flow_json") => "file",
        other => other.unwrap_or("form"),
    };
    Fault::new(field, sentence(&error.to_string()))
}

/// `GET /senders/NAME/flows/ID`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let known = console.control.flow(&viewer.caller, &name, &id).await?;
    let mut fields = Fields::default();
    fields.set("flow_name", &known.flow.name);
    fields.set("version", &known.version());
    let note = (asked.done == "stored").then(|| done("The flow is stored."));
    Ok(draw(&viewer, &known, note.as_ref(), Inputs { fields: &fields, faults: &[] }))
}

/// `POST /senders/NAME/flows/ID`
pub(crate) async fn replace(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, id)): Path<(String, String)>,
    sent: Multipart,
) -> Result<Response, Failure> {
    may_change(&viewer)?;
    let known = console.control.flow(&viewer.caller, &name, &id).await?;
    let mut sent = FlowForm::read(sent).await?;
    // A new name needs no new file.
    if sent.flow_json.trim().is_empty() {
        sent.flow_json.clone_from(&known.flow_json);
    }
    let basis = based_on(&viewer, sent.fields.get("version"));
    match set(&console, &basis, (&name, &id), &sent).await? {
        Ok(to) => Ok(to.into_response()),
        Err(fault) => {
            // What another person stored meanwhile is shown; the person may replace it.
            let known = console.control.flow(&viewer.caller, &name, &id).await?;
            sent.fields.set("version", &known.version());
            let inputs = Inputs { fields: &sent.fields, faults: &[fault] };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(&viewer, &known, None, inputs)).into_response())
        }
    }
}

/// The person, whose change is refused if the object has another version than that of the form.
pub(crate) fn based_on(viewer: &Viewer, version: &str) -> Viewer {
    let caller = Caller { expected_versions: vec![version.to_owned()], ..viewer.caller.clone() };
    Viewer { caller, ..viewer.clone() }
}

fn draw(viewer: &Viewer, known: &FlowDetails, note: Option<&Markup>, inputs: Inputs<'_>) -> Markup {
    let flow = &known.flow;
    let own = format!("/senders/{}/flows/{}", flow.sender, flow.flow_id);
    let drawn = FlowJson::parse(&known.flow_json).map(|flow| screens(&flow, None, &serde_json::Map::new()));
    let facts = html! {
        dl class="facts" {
            dt { "Id" } dd { code { (flow.flow_id) } }
            dt { "Screens" } dd { (flow.screens.len()) }
            dt { "Changed" } dd { (time::element(flow.updated_at, viewer.visit.now, &viewer.zone)) " by " (flow.updated_by) }
        }
    };
    let body = html! {
        @if let Some(note) = note { (note) }
        (summary(inputs.faults))
        div class="halves" {
            (card("", None, &html! { @match &drawn { Ok(drawn) => (drawn), Err(error) => p class="aside" { (sentence(&error.to_string())) } } }))
            div class="stack" {
                (card("Flow", None, &facts))
                @if viewer.may(Right::Prepare) { (card("Replace", None, &form(inputs, &own, false))) }
            }
        }
    };
    let back = format!("/senders/{}", flow.sender);
    let page = Page::new(&flow.name, Section::Senders, body);
    let remove =
        viewer.may(Right::Prepare).then(|| dialog(&format!("{own}/remove"), "Remove…", Weight::Danger));
    Page { parent: Some((&back, &flow.sender)), actions: remove, ..page }.draw(viewer)
}

/// `GET /senders/NAME/flows/ID/remove`
pub(crate) async fn ask_remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let flow = console.control.flow(&viewer.caller, &name, &id).await?.flow;
    let own = format!("/senders/{name}/flows/{id}");
    let ask = Ask {
        name: &flow.name,
        section: Section::Senders,
        back: &own,
        title: "Remove this flow?",
        body: html! { p { "Campaigns that use it go on. Their previews have no screens, and their answers no labels. Nothing changes at the provider." } },
        button: "Remove",
        weight: Weight::Danger,
        error: None,
    };
    Ok(ask.draw(&viewer, &format!("{own}/remove")))
}

/// `POST /senders/NAME/flows/ID/remove`
pub(crate) async fn remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, id)): Path<(String, String)>,
) -> Result<Redirect, Failure> {
    console.control.remove_flow(&viewer.caller, &name, &id).await?;
    Ok(Redirect::to(&format!("/senders/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use control::{FlowView, ScreenView};

    #[test]
    fn a_flow_is_drawn_with_its_screens_and_for_viewers_without_forms() {
        let flow = FlowView {
            sender: "ke-main".into(),
            flow_id: "12".into(),
            name: "<b>Survey".into(),
            screens: vec![ScreenView { id: "WELCOME".into(), title: String::new() }],
            updated_at: "2026-11-30T09:00:00Z".parse().unwrap(),
            updated_by: "anna".into(),
        };
        let known = FlowDetails { flow, flow_json: include_str!("../../../../examples/flow.json").into() };
        let fields = Fields::default();
        let inputs = Inputs { fields: &fields, faults: &[] };
        let page = draw(&viewer(), &known, None, inputs).into_string();
        for expected in [
            "&lt;b&gt;Survey",
            "How was your visit?",
            "enctype=\"multipart/form-data\"",
            "/senders/ke-main/flows/12/remove",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        let mut reader = viewer();
        reader.caller.rights = control::Role::Viewer.rights();
        let page = draw(&reader, &known, None, inputs).into_string();
        assert!(
            page.contains("How was your visit?") && !page.contains("multipart") && !page.contains("remove")
        );
        assert!(may_change(&reader).is_err() && may_change(&viewer()).is_ok());
    }
}
