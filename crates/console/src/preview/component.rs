//! One component of a flow's screen, drawn with the data of one recipient.

use campaign::{
    FlowChoice, FlowComponent, FlowField, FlowInput, FlowOption, FlowOptions, FlowPart, FlowText,
    fill_flow_text, flow_options,
};
use maud::{Markup, html};
use serde_json::{Map, Value};

/// The options of a field that are drawn.
const SHOWN_OPTIONS: usize = 10;
/// The characters of a label that are drawn.
const LABEL: usize = 200;

/// A component; nothing if it is hidden.
pub(crate) fn component(component: &FlowComponent, data: &Map<String, Value>) -> Markup {
    if !component.is_visible(data) {
        return html! {};
    }
    let filled = |text: &str| fill_flow_text(text, data, LABEL);
    match &component.kind {
        FlowPart::Text { style, text } => {
            html! { p class=(class(*style)) { (fill_flow_text(text, data, style.limit())) } }
        }
        FlowPart::Input { input, field } => self::input(*input, field, data),
        FlowPart::Choice { choice, field, options } => self::choice(*choice, field, (options, data)),
        FlowPart::OptIn(field) => {
            html! { p class="flow-option" { (mark(FlowChoice::Checkbox)) (filled(&field.label)) } }
        }
        FlowPart::Link(text) => html! { p class="flow-link" { (filled(text)) } },
        FlowPart::Image(about) => {
            html! { p class="flow-box" { "Picture" @if !about.is_empty() { ": " (filled(about)) } } }
        }
        FlowPart::Branch { word, condition, branch, others, components } => html! {
            div class="flow-branch" {
                p class="flow-note" {
                    @if *word == "If" { "Only if " code { (short(condition, LABEL)) } }
                    @else { "Only if " code { (short(condition, LABEL)) } " is " code { (short(branch, LABEL)) } }
                    @match others { 0 => {}, 1 => "; another branch is not drawn", others => { "; " (others) " other branches are not drawn" } }
                }
                @for inner in components { (self::component(inner, data)) }
            }
        },
        FlowPart::Footer(label) => html! { p class="flow-footer" { (filled(label)) } },
        FlowPart::Unknown(word) => html! { p class="flow-box" { "Not drawn here: " (short(word, LABEL)) } },
    }
}

fn class(style: FlowText) -> &'static str {
    match style {
        FlowText::Heading => "flow-heading",
        FlowText::Subheading => "flow-subheading",
        FlowText::Body => "flow-body",
        FlowText::Caption => "flow-caption",
    }
}

/// The beginning of a text that is too long.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}

fn label(field: &FlowField, data: &Map<String, Value>) -> Markup {
    let text = fill_flow_text(&field.label, data, LABEL);
    html! { (text) @if !field.is_required { span class="flow-optional" { " (optional)" } } }
}

fn help(field: &FlowField, data: &Map<String, Value>) -> Markup {
    html! { @if !field.help.is_empty() { p class="flow-caption" { (fill_flow_text(&field.help, data, LABEL)) } } }
}

fn input(input: FlowInput, field: &FlowField, data: &Map<String, Value>) -> Markup {
    let (class, sign) = match input {
        FlowInput::Line => ("flow-input", ""),
        FlowInput::Area => ("flow-input is-high", ""),
        FlowInput::Date | FlowInput::Calendar => ("flow-input", "▦"),
    };
    html! {
        div {
            p class=(class) { span { (label(field, data)) } span aria-hidden="true" { (sign) } }
            (help(field, data))
        }
    }
}

/// The sign before an option.
fn mark(choice: FlowChoice) -> Markup {
    let class = match choice {
        FlowChoice::Radio => "flow-mark is-round",
        FlowChoice::Checkbox | FlowChoice::Chips | FlowChoice::Dropdown => "flow-mark",
    };
    html! { span class=(class) aria-hidden="true" {} }
}

fn choice(
    choice: FlowChoice,
    field: &FlowField,
    (options, data): (&FlowOptions, &Map<String, Value>),
) -> Markup {
    let found = match options {
        FlowOptions::Listed(listed) => Ok(listed.clone()),
        FlowOptions::Data(reference) => flow_options(reference, data).ok_or(reference),
    };
    let listed = match &found {
        Ok(listed) => self::options(choice, listed, data),
        Err(reference) => {
            html! { p class="flow-note" { "Options come from " code { (short(reference, LABEL)) } } }
        }
    };
    html! {
        div {
            @if choice == FlowChoice::Dropdown {
                p class="flow-input" { span { (label(field, data)) } span aria-hidden="true" { "▾" } }
            } @else { p class="flow-subheading" { (label(field, data)) } }
            (help(field, data))
            (listed)
        }
    }
}

fn options(choice: FlowChoice, listed: &[FlowOption], data: &Map<String, Value>) -> Markup {
    let filled = |text: &str| fill_flow_text(text, data, LABEL);
    let chips = matches!(choice, FlowChoice::Chips);
    html! {
        ul class={ "flow-options" @if chips { " is-chips" } } {
            @for option in listed.iter().take(SHOWN_OPTIONS) {
                li class="flow-option" {
                    @match choice { FlowChoice::Radio | FlowChoice::Checkbox => (mark(choice)), FlowChoice::Chips | FlowChoice::Dropdown => {} }
                    span { (filled(&option.title)) @if !option.description.is_empty() { small { (filled(&option.description)) } } }
                }
            }
            @if let Some(others) = listed.len().checked_sub(SHOWN_OPTIONS).filter(|others| *others > 0) {
                li class="flow-note" { "and " (others) " more" }
            }
        }
    }
}
