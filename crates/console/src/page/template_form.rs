//! The form of a template's text.

use control::{NewTemplate, TemplateButton, TemplateCategory, TemplateStatus};
use maud::{Markup, html};

use crate::part::button::{Weight, submit};
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;

/// The form, with name and language of a new template.
pub(crate) fn form(inputs: Inputs<'_>, address: &str, is_new: bool) -> Markup {
    let buttons = html! { "A line for each button. A button that opens a flow has the id of the flow after its text: " code { "Open = 1197715005513101" } };
    html! {
        form class="form" method="post" action=(address) {
            @if !is_new { input type="hidden" name="version" value=(inputs.fields.get("version")); }
            @if is_new {
                div class="pair" {
                    (inputs.line("template", Some(&html! { "As in WhatsApp Manager." })))
                    (inputs.line("language", Some(&html! { "Such as en, en_US or sw." })))
                }
            }
            (inputs.line("header", Some(&html! { "Optional bold line." })))
            (inputs.text("body", 5, Some(&html! { "As WhatsApp approved it, with its variables {{1}}, {{2}}." })))
            (inputs.line("footer", Some(&html! { "Optional small line." })))
            (inputs.text("buttons", 3, Some(&buttons)))
            div class="pair" {
                (inputs.choice("category", &choices(&CATEGORIES), None))
                (inputs.choice("status", &choices(&STATUSES), None))
            }
            div class="actions" { (submit(if is_new { "Add template" } else { "Replace" }, Weight::Primary)) }
        }
    }
}

const CATEGORIES: [(&str, &str); 4] = [
    ("", "Not known"),
    ("marketing", "Marketing"),
    ("utility", "Utility"),
    ("authentication", "Authentication"),
];

const STATUSES: [(&str, &str); 6] = [
    ("", "Not known"),
    ("approved", "Approved"),
    ("pending", "Pending"),
    ("rejected", "Rejected"),
    ("paused", "Paused"),
    ("disabled", "Disabled"),
];

fn choices(words: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    words.iter().map(|(word, text)| (*word, (*text).to_owned())).collect()
}

/// The template that the form means.
pub(crate) fn new_template(fields: &Fields) -> NewTemplate {
    let optional =
        |field: &str| Some(fields.get(field)).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let lines = fields.get("buttons").lines().filter(|line| !line.trim().is_empty());
    let word = |field: &str| serde_json::Value::String(fields.get(field).to_owned());
    NewTemplate {
        header: optional("header"),
        body: fields.get("body").to_owned(),
        footer: optional("footer"),
        buttons: lines.map(button).collect(),
        category: serde_json::from_value::<TemplateCategory>(word("category")).ok(),
        status: serde_json::from_value::<TemplateStatus>(word("status")).ok(),
        ..NewTemplate::default()
    }
}

/// A line of the field for buttons.
fn button(line: &str) -> TemplateButton {
    let (text, flow_id) = match line.rsplit_once('=') {
        Some((text, flow_id)) => (text, Some(flow_id.trim().to_owned())),
        None => (line, None),
    };
    TemplateButton { text: text.trim().to_owned(), flow_id, ..TemplateButton::default() }
}

/// The form that shows a template.
pub(crate) fn fields_of(text: &NewTemplate) -> Fields {
    let line = |button: &TemplateButton| match &button.flow_id {
        Some(flow_id) => format!("{} = {flow_id}", button.text),
        None => button.text.clone(),
    };
    let word = |value: Result<serde_json::Value, serde_json::Error>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let buttons: Vec<String> = text.buttons.iter().map(line).collect();
    let values = [
        ("header", text.header.clone().unwrap_or_default()),
        ("body", text.body.clone()),
        ("footer", text.footer.clone().unwrap_or_default()),
        ("buttons", buttons.join("\n")),
        ("category", word(serde_json::to_value(text.category))),
        ("status", word(serde_json::to_value(text.status))),
    ];
    Fields::sent(values.map(|(name, value)| (name.to_owned(), value)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_shows_and_means_the_same_template() {
        let text = NewTemplate {
            header: Some("H".into()),
            body: "Hi {{1}}".into(),
            footer: None,
            buttons: vec![
                TemplateButton {
                    text: "a = b".into(),
                    flow_id: Some("12".into()),
                    ..TemplateButton::default()
                },
                TemplateButton { text: "Stop".into(), ..TemplateButton::default() },
            ],
            category: Some(TemplateCategory::Utility),
            status: Some(TemplateStatus::Approved),
            ..NewTemplate::default()
        };
        let fields = fields_of(&text);
        assert_eq!(fields.get("buttons"), "a = b = 12\nStop");
        assert_eq!(new_template(&fields), text);
        let drawn = form(Inputs { fields: &fields, faults: &[] }, "/x", false).into_string();
        assert!(
            drawn.contains("<option value=\"utility\" selected>") && drawn.contains("Hi {{1}}"),
            "{drawn}"
        );
    }
}
