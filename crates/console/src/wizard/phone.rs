//! The message as a phone shows it.

use control::PreviewItem;
use maud::{Markup, html};

use crate::wizard::format::formatted;

/// What of the definition the preview shows besides the texts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown<'a> {
    /// Name and language of the template, if it is sent.
    pub(crate) template: Option<(&'a str, &'a str)>,
    /// The screen that the button opens.
    pub(crate) screen: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// What of a definition is shown.
    pub(crate) fn of(definition: &'a campaign::Definition) -> Self {
        let template = definition.template.as_ref();
        Self {
            template: template.map(|template| (template.name.as_str(), template.language.as_str())),
            screen: definition.flow.as_ref().and_then(|flow| flow.screen.as_deref()),
        }
    }
}

/// A phone with one message.
pub(crate) fn phone(item: &PreviewItem, shown: Shown<'_>) -> Markup {
    let name = item
        .seq
        .map_or_else(|| "Preview".to_owned(), |seq| format!("Preview for row {seq} of the recipients"));
    html! {
        figure class="phone" {
            figcaption class="sr" { (name) }
            // Nothing in it can be used.
            div class="screen" inert {
                @match (&item.body, &item.problem) {
                    (Some(body), _) => (bubble(item, body, shown)),
                    (None, Some(problem)) => p class="bubble problem" { (problem) },
                    (None, None) => {}
                }
            }
        }
        @if let Some(body) = &item.body { p class="sr" { "Text: " (body) } }
    }
}

fn bubble(item: &PreviewItem, body: &str, shown: Shown<'_>) -> Markup {
    // A flow message always has a button, a template of ours shows none.
    let variables = shown.template.filter(|_| item.button.is_none());
    let values = variables.map(|(name, language)| {
        body.strip_prefix(&format!("template {name} ({language}): ")).unwrap_or(body)
    });
    html! {
        div class="bubble" {
            @if let Some(header) = &item.header { p class="bubble-head" { (header) } }
            @match (variables, values) {
                (Some((name, language)), Some(values)) => {
                    p { "Template " strong { (name) } " (" (language) ")" }
                    p class="bubble-note" { "The text of this template is stored at WhatsApp and is not known here." }
                    @if !values.is_empty() { p { (values) } }
                }
                _ => p class="bubble-body" { (formatted(body)) },
            }
            @if let Some(footer) = &item.footer { p class="bubble-foot" { (footer) } }
            @if let Some(button) = &item.button { p class="bubble-button" { (button) } }
        }
        @if let (Some(screen), true) = (shown.screen, item.button.is_some()) {
            p class="opens" { "opens screen " (screen) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> PreviewItem {
        PreviewItem {
            seq: Some(1),
            header: Some("Two <questions>".into()),
            body: Some("Hello *Achieng*".into()),
            footer: None,
            button: Some("Open".into()),
            problem: None,
        }
    }

    #[test]
    fn a_message_is_drawn_with_its_formatting_and_escaped() {
        let shown = Shown { template: Some(("t", "en")), screen: Some("WELCOME") };
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
        assert!(!drawn.contains("Template"), "the flow is sent, not the template: {drawn}");
    }

    #[test]
    fn a_template_shows_its_variables_and_a_fault_its_reason() {
        let template =
            PreviewItem { button: None, body: Some("template t (en): Anna | 12".into()), ..item() };
        let shown = Shown { template: Some(("t", "en")), screen: None };
        let drawn = phone(&template, shown).into_string();
        assert!(
            drawn.contains("<p>Anna | 12</p>") && drawn.contains("Template <strong>t</strong>"),
            "{drawn}"
        );
        let fault = PreviewItem { body: None, problem: Some("a variable is missing".into()), ..item() };
        assert!(phone(&fault, shown).into_string().contains("a variable is missing"));
    }
}
