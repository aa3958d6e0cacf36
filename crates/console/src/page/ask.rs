//! The form of an action: a page of its own, which a link opens as a dialog if there is JavaScript.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::frame::{Page, Section, sentence};
use crate::part::alert::form_error;
use crate::part::button::{Weight, submit};
use crate::part::card::card;
use crate::viewer::Viewer;

/// What a person is asked before an action.
pub(crate) struct Ask<'a> {
    /// The thing that the action is for.
    pub(crate) name: &'a str,
    pub(crate) section: Section,
    /// The page that shows the thing, to which a person returns without an action.
    pub(crate) back: &'a str,
    /// The action.
    pub(crate) title: &'a str,
    /// What happens, whom it touches, and whether it can be undone; and the fields.
    pub(crate) body: Markup,
    /// The label of the button.
    pub(crate) button: &'a str,
    pub(crate) weight: Weight,
    /// Why the form was refused.
    pub(crate) error: Option<String>,
}

impl Ask<'_> {
    /// The page with the form, which is sent to the address of the page.
    pub(crate) fn draw(self, viewer: &Viewer, address: &str) -> Response {
        let status = if self.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let form = html! {
            form class="form" id="ask" method="post" action=(address) {
                h2 { (self.title) }
                @if let Some(error) = &self.error { (form_error(&sentence(error))) }
                (self.body)
                div class="actions" {
                    @if !self.button.is_empty() { (submit(self.button, self.weight)) }
                    a class="button" href=(self.back) data-close { "Back" }
                }
            }
        };
        let body = html! { div class="narrow-card" { (card("", None, &form)) } };
        let page = Page::new(self.name, self.section, body);
        (status, Page { parent: Some((self.back, self.name)), ..page }.draw(viewer)).into_response()
    }
}

/// A field for the reason of an action, which is kept with it.
pub(crate) fn reason(value: &str) -> Markup {
    html! {
        label {
            "Reason"
            input name="reason" value=(value) required maxlength="200" autocomplete="off" aria-describedby="reason-hint";
            span class="hint" id="reason-hint" { "Kept with each recipient and in the activity, with your name." }
        }
    }
}

/// A choice of several: value, label, explanation.
pub(crate) fn choice(name: &str, legend: &str, options: &[(String, Markup)], chosen: &str) -> Markup {
    html! {
        fieldset class="choices" {
            legend { (legend) }
            @for (value, label) in options {
                label { input type="radio" name=(name) value=(value) required checked[value == chosen]; span { (label) } }
            }
        }
    }
}
