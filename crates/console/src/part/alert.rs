//! Alerts: what went wrong or needs attention, above everything else.

use maud::{Markup, html};

use crate::words::Tone;

/// An alert with a title, a text and buttons.
pub(crate) fn alert(tone: Tone, title: &str, text: &Markup, actions: Option<&Markup>) -> Markup {
    html! {
        section class={ "alert " (tone.class()) } {
            div { h2 { (title) } (text) }
            @if let Some(actions) = actions { div class="actions" { (actions) } }
        }
    }
}

/// What is wrong with a form. It is read aloud when the page is opened, and takes the focus.
pub(crate) fn form_error(text: &str) -> Markup {
    html! { div class={ "alert " (Tone::Bad.class()) } role="alert" id="form-error" tabindex="-1" autofocus { p { (text) } } }
}

/// What was done.
pub(crate) fn done(text: &str) -> Markup {
    html! { div class={ "alert " (Tone::Good.class()) } role="status" { p { (text) } } }
}
