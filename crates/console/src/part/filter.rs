//! Filter bars: which rows of a list are shown. A filter is a part of the address.

use maud::{Markup, html};

/// A choice of a filter: value, label.
pub(crate) type Choice<'a> = (&'a str, &'a str);

/// A filter bar with its fields.
pub(crate) fn filter_bar(address: &str, fields: &Markup, is_filtered: bool) -> Markup {
    html! {
        form class="filters" method="get" action=(address) role="search" {
            (fields)
            button type="submit" { "Apply" }
            @if is_filtered { a class="button" href=(address) { "Clear" } }
        }
    }
}

/// A field for a text.
pub(crate) fn search(name: &str, label: &str, placeholder: &str, value: &str) -> Markup {
    html! {
        label { (label) input type="search" name=(name) value=(value) placeholder=(placeholder) maxlength="100"; }
    }
}

/// A field for one of several values. The first choice is all.
pub(crate) fn select(name: &str, label: &str, choices: &[Choice<'_>], chosen: &str) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                @for (value, text) in choices { option value=(value) selected[*value == chosen] { (text) } }
            }
        }
    }
}
