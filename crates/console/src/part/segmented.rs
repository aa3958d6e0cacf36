//! Segmented controls: one of a few choices.

use maud::{Markup, html};

/// Links to the same page with another choice: address, label, whether it is chosen.
pub(crate) fn links(label: &str, choices: &[(&str, &str, bool)]) -> Markup {
    html! {
        div class="segments" role="group" aria-label=(label) {
            @for (address, text, is_chosen) in choices {
                a class="button" href=(address) aria-current=[is_chosen.then_some("true")] { (text) }
            }
        }
    }
}

/// Buttons of a form that send a value: value, label, whether it is chosen.
pub(crate) fn buttons(label: &str, name: &str, choices: &[(&str, &str, bool)]) -> Markup {
    html! {
        div class="segments" role="group" aria-label=(label) {
            @for (value, text, is_chosen) in choices {
                button type="submit" name=(name) value=(value) aria-pressed=(is_chosen) { (text) }
            }
        }
    }
}
