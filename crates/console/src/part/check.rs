//! Checkboxes.

use maud::{Markup, html};

/// A box for yes or no. A form without it says no.
pub(crate) fn check(name: &str, label: &str, is_checked: bool) -> Markup {
    one(name, "true", label, is_checked)
}

/// A group of boxes with one name: value, label, whether it is checked.
pub(crate) fn checks(legend: &str, name: &str, choices: &[(&str, &str, bool)], hint: Option<&str>) -> Markup {
    let id = hint.map(|_| format!("{name}-hint"));
    html! {
        fieldset aria-describedby=[id.as_deref()] {
            legend { (legend) }
            div class="checks" { @for (value, label, is_checked) in choices { (one(name, value, label, *is_checked)) } }
            @if let (Some(hint), Some(id)) = (hint, &id) { span class="hint" id=(id) { (hint) } }
        }
    }
}

fn one(name: &str, value: &str, label: &str, is_checked: bool) -> Markup {
    html! {
        label class="check" {
            input type="checkbox" name=(name) value=(value) checked[is_checked];
            (label)
        }
    }
}
