//! Buttons.

use maud::{Markup, html};

/// How much a button stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The one main action of a page.
    Primary,
    /// Another action.
    Plain,
    /// An action that cannot be undone.
    Danger,
}

impl Weight {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Plain => "button",
            Self::Danger => "button danger",
        }
    }
}

/// A link that looks like a button.
pub(crate) fn link(address: &str, label: &str, weight: Weight) -> Markup {
    html! { a class=(weight.class()) href=(address) { (label) } }
}

/// The button that sends a form.
pub(crate) fn submit(label: &str, weight: Weight) -> Markup {
    html! { button type="submit" class=(weight.class()) { (label) } }
}

/// A link to the form of an action, which opens as a dialog if there is JavaScript.
pub(crate) fn dialog(address: &str, label: &str, weight: Weight) -> Markup {
    html! { a class=(weight.class()) href=(address) data-dialog { (label) } }
}

/// A form of one button, after which the person returns to a page.
pub(crate) fn form_back(address: &str, label: &str, weight: Weight, back: &str) -> Markup {
    html! {
        form method="post" action=(address) {
            input type="hidden" name="back" value=(back);
            button type="submit" class=(weight.class()) { (label) }
        }
    }
}

/// A form of one small button.
pub(crate) fn form(address: &str, label: &str, weight: Weight) -> Markup {
    html! {
        form method="post" action=(address) {
            button type="submit" class={ (weight.class()) " small" } { (label) }
        }
    }
}
