//! Tabs: links between the parts of one subject, each with an address of its own.

use maud::{Markup, html};

/// A tab: address, label.
pub(crate) type Tab<'a> = (&'a str, &'a str);

/// Draws tabs; `open` is the address of the open one.
pub(crate) fn tabs(label: &str, tabs: &[Tab<'_>], open: &str) -> Markup {
    html! {
        nav class="tabs" aria-label=(label) {
            @for (address, text) in tabs {
                a href=(address) aria-current=[(*address == open).then_some("page")] { (text) }
            }
        }
    }
}
