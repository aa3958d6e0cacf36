//! The message as a phone shows it.

use control::{KnownTexts, NewTemplate, PreviewItem};
use maud::{Markup, html};

use crate::preview::format::formatted;
use crate::preview::screens::screens;
use crate::preview::template;

/// What of the definition the preview shows besides the texts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown<'a> {
    /// The sender.
    pub(crate) sender: &'a str,
    /// Name and language of the template, if it is sent.
    pub(crate) template: Option<(&'a str, &'a str)>,
    /// The text of the template, if it is known.
    pub(crate) text: Option<&'a NewTemplate>,
    /// The screen that the button opens.
    pub(crate) screen: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// What of a definition is shown.
    pub(crate) fn of(definition: &'a campaign::Definition, known: &'a KnownTexts) -> Self {
        let template = definition.template.as_ref();
        Self {
            sender: &definition.sender,
            template: template.map(|template| (template.name.as_str(), template.language.as_str())),
            text: known.template.as_ref().map(|known| &known.text),
            screen: definition.flow.as_ref().and_then(|flow| flow.screen.as_deref()),
        }
    }
}

/// A phone with one message.
pub(crate) fn phone(item: &PreviewItem, shown: Shown<'_>) -> Markup {
    let name = item
        .seq
        .map_or_else(|| "Preview".to_owned(), |seq| format!("Preview for row {seq} of the recipients"));
    // A flow message always has a button, a template of ours shows none.
    let template = shown.template.filter(|_| item.button.is_none() && item.body.is_some());
    let read = match (template, shown.text) {
        (Some(_), Some(text)) => Some(template::texts(text, item).1),
        _ => item.body.clone(),
    };
    html! {
        figure class="phone" {
            figcaption class="sr" { (name) }
            // Nothing in it can be used.
            div class="screen" inert {
                @match (&item.body, &item.problem, template, shown.text) {
                    (Some(_), _, Some(_), Some(text)) => (known(item, text)),
                    (Some(body), _, Some(template), None) => (unknown(item, body, template)),
                    (Some(body), _, None, _) => (bubble(item, body, shown.screen)),
                    (None, Some(problem), _, _) => p class="bubble problem" { (problem) },
                    (None, None, _, _) => {}
                }
            }
        }
        @if let Some(read) = &read { p class="sr" { "Text: " (read) } }
        @if let Some((name, language)) = template {
            @match shown.text {
                None => p class="hint" {
                    "The text of this template is not known here. "
                    a href={ "/senders/" (shown.sender) "/templates?" (query(name, language)) } { "Add its text" }
                },
                Some(text) => @if let Some(difference) = template::difference(text, item) { p class="hint problem" { (difference) } },
            }
        }
    }
}

/// The fields of the form that adds a template.
fn query(name: &str, language: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("template", name).append_pair("language", language).finish()
}

/// The screens of the flow of a message, if they are known.
pub(crate) fn flow_screens(item: &PreviewItem, shown: Shown<'_>, known: &KnownTexts) -> Markup {
    html! { @if let Some((_, flow)) = &known.flow { (screens(flow, shown.screen, &item.data)) } }
}

fn bubble(item: &PreviewItem, body: &str, screen: Option<&str>) -> Markup {
    html! {
        div class="bubble" {
            @if let Some(header) = &item.header { p class="bubble-head" { (header) } }
            p class="bubble-body" { (formatted(body)) }
            @if let Some(footer) = &item.footer { p class="bubble-foot" { (footer) } }
            @if let Some(button) = &item.button { p class="bubble-button" { (button) } }
        }
        @if let (Some(screen), true) = (screen, item.button.is_some()) { p class="opens" { "opens screen " (screen) } }
    }
}

/// A template with its text.
fn known(item: &PreviewItem, text: &NewTemplate) -> Markup {
    let (header, body, footer) = template::texts(text, item);
    html! {
        div class="bubble" {
            @if let Some(header) = &header { p class="bubble-head" { (header) } }
            p class="bubble-body" { (formatted(&body)) }
            @if let Some(footer) = &footer { p class="bubble-foot" { (footer) } }
            @for button in &text.buttons { p class="bubble-button" { (button.text) } }
        }
    }
}

/// A template whose text is not known: its name and the values of its variables.
fn unknown(item: &PreviewItem, body: &str, (name, language): (&str, &str)) -> Markup {
    let values = body.strip_prefix(&format!("template {name} ({language}): ")).unwrap_or(body);
    html! {
        div class="bubble" {
            @if let Some(header) = &item.header { p class="bubble-head" { (header) } }
            p { "Template " strong { (name) } " (" (language) ")" }
            @if !values.is_empty() { p { (values) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::TemplateButton;

    fn item() -> PreviewItem {
        PreviewItem {
            seq: Some(1),
            header: Some("Two <questions>".into()),
            body: Some("Hello *Achieng*".into()),
            button: Some("Open".into()),
            ..PreviewItem::default()
        }
    }

    /// A template message for Anna.
    fn of_template() -> PreviewItem {
        let values = vec!["Anna".to_owned(), "*12*".to_owned()];
        PreviewItem { button: None, body: Some("template t (en): Anna | *12*".into()), values, ..item() }
    }

    #[test]
    fn a_message_is_drawn_with_its_formatting_and_escaped() {
        let shown = Shown { template: Some(("t", "en")), screen: Some("WELCOME"), ..Shown::default() };
        let drawn = phone(&item(), shown).into_string();
        for expected in [
            "Two &lt;questions&gt;",
            "Hello <strong>Achieng</strong>",
            "opens screen WELCOME",
            "Preview for row 1",
            "inert",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        assert!(!drawn.contains("emplate"), "the flow is sent, not the template: {drawn}");
    }

    #[test]
    fn a_template_without_a_known_text_shows_its_variables_and_where_to_add_the_text() {
        let shown = Shown { sender: "ke-main", template: Some(("t", "en")), ..Shown::default() };
        let drawn = phone(&of_template(), shown).into_string();
        for expected in [
            "<p>Anna | *12*</p>",
            "Template <strong>t</strong>",
            "The text of this template is not known here",
            "href=\"/senders/ke-main/templates?template=t&amp;language=en\"",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        let fault = PreviewItem { body: None, problem: Some("a variable is missing".into()), ..item() };
        let drawn = phone(&fault, shown).into_string();
        assert!(drawn.contains("a variable is missing") && !drawn.contains("not known here"), "{drawn}");
    }

    #[test]
    fn a_template_with_a_known_text_is_drawn_with_its_variables_and_buttons() {
        let text = NewTemplate {
            header: Some("For {{1}}".into()),
            body: "Dear {{1}}, <b>you</b> paid {{2}}".into(),
            footer: Some("Reply STOP".into()),
            buttons: vec![TemplateButton { text: "Open".into(), ..TemplateButton::default() }],
            ..NewTemplate::default()
        };
        let shown = Shown { template: Some(("t", "en")), text: Some(&text), ..Shown::default() };
        let drawn = phone(&of_template(), shown).into_string();
        for expected in [
            "For Two &lt;questions&gt;",
            "Dear Anna, &lt;b&gt;you&lt;/b&gt; paid <strong>12</strong>",
            "Reply STOP",
            "<p class=\"bubble-button\">Open</p>",
            "Text: Dear Anna, &lt;b&gt;you&lt;/b&gt; paid *12*",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        assert!(!drawn.contains("this campaign fills in"), "{drawn}");
        let one = NewTemplate { body: "Dear {{1}}".into(), ..text.clone() };
        let shown = Shown { text: Some(&one), ..shown };
        assert!(phone(&of_template(), shown).into_string().contains("this campaign fills in 2"));
    }
}
