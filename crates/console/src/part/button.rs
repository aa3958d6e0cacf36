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

/// A form of one small button.
pub(crate) fn form(address: &str, label: &str, weight: Weight) -> Markup {
    html! {
        form method="post" action=(address) {
            button type="submit" class={ (weight.class()) " small" } { (label) }
        }
    }
}
