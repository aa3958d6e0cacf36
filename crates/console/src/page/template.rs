//! `/senders/NAME/templates` and `/senders/NAME/templates/TEMPLATE/LANGUAGE`: the text of a template is added, replaced or removed.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use control::{Error, NewTemplate, PreviewItem, Problem, Right, TemplateView, Versioned as _};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::page::ask::Ask;
use crate::page::flow::{based_on, may_change};
use crate::page::template_form::{fields_of, form, new_template};
use crate::part::alert::done;
use crate::part::button::{Weight, dialog};
use crate::part::card::card;
use crate::preview::phone::{Shown, phone};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};
use crate::words::time;

/// The values of a form.
type Sent = Form<Vec<(String, String)>>;

/// What the form that adds a template begins with, and what was done before the page was opened.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    template: String,
    language: String,
    done: String,
}

/// `GET /senders/NAME/templates`: the form that adds a template.
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    may_change(&viewer)?;
    let sender = console.control.sender(&viewer.caller, &name).await?.name;
    let fields = Fields::sent(vec![("template".into(), asked.template), ("language".into(), asked.language)]);
    Ok(draw_new(&viewer, &sender, Inputs { fields: &fields, faults: &[] }))
}

fn draw_new(viewer: &Viewer, sender: &str, inputs: Inputs<'_>) -> Markup {
    let own = format!("/senders/{sender}/templates");
    let body = html! { (summary(inputs.faults)) div class="narrow-card" { (card("", None, &form(inputs, &own, true))) } };
    let page = Page::new("Add a template", Section::Senders, body);
    Page { parent: Some((&format!("/senders/{sender}"), sender)), ..page }.draw(viewer)
}

/// `POST /senders/NAME/templates`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(sent): Sent,
) -> Result<Response, Failure> {
    may_change(&viewer)?;
    let fields = Fields::sent(sent);
    let named = (fields.get("template").trim().to_owned(), fields.get("language").trim().to_owned());
    match set(&console, &viewer, (&name, (&named.0, &named.1)), &fields).await? {
        Ok(to) => Ok(to.into_response()),
        Err(fault) => {
            let inputs = Inputs { fields: &fields, faults: &[fault] };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, draw_new(&viewer, &name, inputs)).into_response())
        }
    }
}

/// Stores a template; or what is wrong with the form.
async fn set(
    console: &Console,
    viewer: &Viewer,
    (sender, (template, language)): (&str, (&str, &str)),
    fields: &Fields,
) -> Result<Result<Redirect, Fault>, Failure> {
    let new = new_template(fields);
    match console.control.set_template(&viewer.caller, sender, (template, language), &new).await {
        Ok(_) => {
            Ok(Ok(Redirect::to(&format!("/senders/{sender}/templates/{template}/{language}?done=stored"))))
        }
        Err(error) if matches!(error.problem(), Problem::InvalidBody | Problem::VersionConflict) => {
            Ok(Err(fault(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The refusal at its field.
fn fault(error: &Error) -> Fault {
    let field = match error.member() {
        Some("name") => "template",
        other => other.unwrap_or("form"),
    };
    Fault::new(field, sentence(&error.to_string()))
}

/// `GET /senders/NAME/templates/TEMPLATE/LANGUAGE`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, template, language)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let known = console.control.template(&viewer.caller, &name, (&template, &language)).await?;
    let note = (asked.done == "stored").then(|| done("The text of the template is stored."));
    let mut fields = fields_of(&known.text);
    fields.set("version", &known.version());
    Ok(draw(&viewer, &known, note.as_ref(), Inputs { fields: &fields, faults: &[] }))
}

/// `POST /senders/NAME/templates/TEMPLATE/LANGUAGE`
pub(crate) async fn replace(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, template, language)): Path<(String, String, String)>,
    Form(sent): Sent,
) -> Result<Response, Failure> {
    may_change(&viewer)?;
    let mut fields = Fields::sent(sent);
    let basis = based_on(&viewer, fields.get("version"));
    match set(&console, &basis, (&name, (&template, &language)), &fields).await? {
        Ok(to) => Ok(to.into_response()),
        Err(fault) => {
            // What another person stored meanwhile is shown; the person may replace it.
            let known = console.control.template(&viewer.caller, &name, (&template, &language)).await?;
            fields.set("version", &known.version());
            let inputs = Inputs { fields: &fields, faults: &[fault] };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(&viewer, &known, None, inputs)).into_response())
        }
    }
}

fn draw(viewer: &Viewer, known: &TemplateView, note: Option<&Markup>, inputs: Inputs<'_>) -> Markup {
    let own = format!("/senders/{}/templates/{}/{}", known.sender, known.name, known.language);
    let body = html! {
        @if let Some(note) = note { (note) }
        (summary(inputs.faults))
        div class="halves" {
            div class="stack" {
                (card("Preview", None, &preview(&known.text)))
                (card("Template", None, &html! {
                    dl class="facts" {
                        dt { "Language" } dd { (known.language) }
                        dt { "Changed" } dd { (time::element(known.updated_at, viewer.visit.now, &viewer.zone)) " by " (known.updated_by) }
                    }
                }))
            }
            @if viewer.may(Right::Prepare) { (card("Replace", None, &form(inputs, &own, false))) }
        }
    };
    let back = format!("/senders/{}", known.sender);
    let page = Page::new(&known.name, Section::Senders, body);
    let remove =
        viewer.may(Right::Prepare).then(|| dialog(&format!("{own}/remove"), "Remove…", Weight::Danger));
    Page { parent: Some((&back, &known.sender)), actions: remove, ..page }.draw(viewer)
}

/// The template with the numbers of its variables.
fn preview(text: &NewTemplate) -> Markup {
    let values =
        (1..=crate::preview::template::variables(&text.body)).map(|n| format!("{{{{{n}}}}}")).collect();
    let item = PreviewItem { body: Some(String::new()), values, ..PreviewItem::default() };
    let shown = Shown { template: Some(("", "")), text: Some(text), ..Shown::default() };
    html! { div class="preview-desk" { (phone(&item, shown)) } }
}

/// `GET /senders/NAME/templates/TEMPLATE/LANGUAGE/remove`
pub(crate) async fn ask_remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, template, language)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let known = console.control.template(&viewer.caller, &name, (&template, &language)).await?;
    let own = format!("/senders/{name}/templates/{template}/{language}");
    let ask = Ask {
        name: &known.name,
        section: Section::Senders,
        back: &own,
        title: "Remove the text of this template?",
        body: html! { p { "Campaigns that use the template go on. Their previews show only the values of its variables. Nothing changes at the provider." } },
        button: "Remove",
        weight: Weight::Danger,
        error: None,
    };
    Ok(ask.draw(&viewer, &format!("{own}/remove")))
}

/// `POST /senders/NAME/templates/TEMPLATE/LANGUAGE/remove`
pub(crate) async fn remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((name, template, language)): Path<(String, String, String)>,
) -> Result<Redirect, Failure> {
    console.control.remove_template(&viewer.caller, &name, (&template, &language)).await?;
    Ok(Redirect::to(&format!("/senders/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use control::TemplateButton;

    #[test]
    fn a_template_is_drawn_with_its_variables_and_its_form() {
        let text = NewTemplate {
            header: None,
            body: "Dear {{1}}, <b>{{2}}</b>".into(),
            footer: None,
            buttons: vec![TemplateButton {
                text: "Open".into(),
                flow_id: Some("12".into()),
                ..TemplateButton::default()
            }],
            ..NewTemplate::default()
        };
        let known = TemplateView {
            sender: "ke-main".into(),
            name: "visit".into(),
            language: "en_US".into(),
            text,
            updated_at: "2026-11-30T09:00:00Z".parse().unwrap(),
            updated_by: "anna".into(),
        };
        let fields = fields_of(&known.text);
        let page = draw(&viewer(), &known, None, Inputs { fields: &fields, faults: &[] }).into_string();
        for expected in [
            "Dear {{1}}, &lt;b&gt;{{2}}&lt;/b&gt;",
            "bubble-button\">Open",
            "Open = 12",
            "/visit/en_US/remove",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(!page.contains("this campaign fills in") && !page.contains("not known here"), "{page}");
    }
}
