//! The form of the message.

use campaign::Definition;
use control::SenderView;
use maud::{Markup, html};

use crate::part::card::card;
use crate::viewer::Viewer;
use crate::wizard::fields::{DEFAULT, Fields};
use crate::wizard::inputs::Inputs;
use crate::wizard::known_choice::KnownChoices;
use crate::words::number::thousands;
use crate::words::provider;

/// The longest texts that WhatsApp takes, in characters, variables filled in.
pub(crate) const LIMITS: [(&str, usize); 4] = [("header", 60), ("body", 1024), ("footer", 60), ("cta", 30)];

/// What the form shows besides its fields.
pub(crate) struct Around<'a> {
    pub(crate) senders: &'a [SenderView],
    /// The known flows and templates.
    pub(crate) known: &'a KnownChoices,
    /// Columns of the lists, as variables.
    pub(crate) columns: &'a [String],
    /// Where the form is sent.
    pub(crate) address: &'a str,
    /// Hidden fields: name, value.
    pub(crate) hidden: &'a [(&'a str, String)],
}

/// The form.
pub(crate) fn form(viewer: &Viewer, inputs: Inputs<'_>, around: &Around<'_>) -> Markup {
    html! {
        form class="stack" id="message" method="post" action=(around.address) {
            @for (name, value) in around.hidden { input type="hidden" name=(name) value=(value); }
            (card("Campaign", None, &campaign(inputs, around.senders)))
            (card("Message", None, &html! {
                (inputs.radios("kind", &[("flow", "Flow"), ("template", "Template"), ("both", "Both")]))
                (kinds())
                div class="of-flow stack" { (flow(inputs, around)) }
                div class="of-template stack" { (template(inputs, around.known)) }
            }))
            div id="defaults" { (defaults(inputs)) }
        }
        // The preview is drawn again 300 ms after the last key.
        div hx-post={ (around.address) "/preview" } hx-trigger="input from:#message delay:300ms" hx-include="#message"
            hx-target="#preview" hx-swap="innerHTML" hx-nonce=(viewer.visit.nonce) {}
    }
}

fn kinds() -> Markup {
    html! {
        p class="hint" {
            "A flow reaches people who wrote to you within the last 24 hours. A template that WhatsApp has approved reaches everyone. With "
            "both, the template is sent to recipients whose 24 hours are over."
        }
    }
}

fn campaign(inputs: Inputs<'_>, senders: &[SenderView]) -> Markup {
    let choice = |sender: &SenderView| {
        let state = if sender.is_open { "open" } else { "stopped" };
        let rate = sender.rate.map_or_else(|| "no rate limit".to_owned(), |rate| rate.to_string());
        format!("{} (+{}, {}): {state}, {rate}", sender.name, sender.number, provider::name(&sender.provider))
    };
    let mut choices: Vec<(&str, String)> =
        senders.iter().map(|sender| (sender.name.as_str(), choice(sender))).collect();
    let chosen = inputs.fields.get("sender");
    if senders.iter().all(|sender| sender.name != chosen) {
        choices.insert(
            0,
            (chosen, if chosen.is_empty() { "Choose a sender".into() } else { chosen.to_owned() }),
        );
    }
    html! {
        (inputs.line("name", Some(&html! { "Only you and your colleagues see it." })))
        (inputs.choice("sender", &choices, None))
    }
}

fn flow(inputs: Inputs<'_>, around: &Around<'_>) -> Markup {
    let counted = |field| counter(inputs.fields, field);
    html! {
        (inputs.line("header", Some(&html! { "Optional bold line. " (counted("header")) })))
        (inputs.text("body", 5, Some(&html! { (counted("body")) })))
        p class="chips" id="chips" { (chips(inputs.fields, around.columns)) }
        (inputs.line("footer", Some(&html! { "Optional small line. " (counted("footer")) })))
        (inputs.line("cta", Some(&html! { "The button opens the flow. No emoji. " (counted("cta")) })))
        (around.known.flow_choice(inputs.fields))
        div class="pair" {
            div class="of-flow-id" { (inputs.line("flow_id", Some(&html! { "The digits that WhatsApp Manager shows beside the flow." }))) }
            (inputs.suggested("screen", Some("screens"), Some(&html! { "The id of the screen, such as WELCOME." })))
        }
        datalist id="screens" { (around.known.screens(inputs.fields)) }
        (inputs.check(
            "assume_window",
            ("open", "The recipients wrote to this number within the last 24 hours"),
            Some(&html! { "WhatsApp refuses a flow for anybody else." }),
        ))
        details class="more" open[has_more(inputs.fields)] {
            summary { "More about the flow" }
            div class="stack" {
                (inputs.text("data", 3, Some(&html! { "A line for each value: " code { "first_name = {{ first_name }}" } ". The flow must declare the names." })))
                (inputs.line("flow_name", Some(&html! { "Instead of the id." })))
                div class="pair" {
                    (inputs.choice("action", &[
                        ("navigate", "Open the first screen".into()),
                        ("data_exchange", "Ask the flow's endpoint".into()),
                    ], None))
                    (inputs.choice("mode", &[
                        ("published", "Published".into()),
                        ("draft", "Draft, for testers of the flow".into()),
                    ], None))
                }
            }
        }
    }
}

/// Whether something is set that is behind "More about the flow".
fn has_more(fields: &Fields) -> bool {
    !fields.get("data").is_empty()
        || !fields.get("flow_name").is_empty()
        || fields.get("action") == "data_exchange"
        || fields.get("mode") == "draft"
}

fn template(inputs: Inputs<'_>, known: &KnownChoices) -> Markup {
    html! {
        (known.template_choice(inputs.fields))
        div class="pair of-template-name" {
            (inputs.line("template", Some(&html! { "As in WhatsApp Manager." })))
            (inputs.line("language", Some(&html! { "Such as en, en_US or sw." })))
        }
        (inputs.text("template_body", 3, Some(&html! { "A line for each variable of the template, {{1}} first. A line may use {{ variables }}." })))
        (inputs.line("template_header", Some(&html! { "Only if the header of the template has a variable." })))
        (inputs.check("fold_spaces", ("yes", "Replace line breaks and tabs in variables with a space"), None))
        (inputs.check("button", ("yes", "The template has a flow button"), None))
        details class="more" open[inputs.fields.has("button") || !inputs.fields.get("namespace").is_empty()] {
            summary { "More about the template" }
            div class="stack" {
                (inputs.text("button_data", 3, Some(&html! { "Data of the flow's first screen, a line for each value." })))
                div class="pair" {
                    (inputs.line("button_index", Some(&html! { "Position of the flow button, 0 to 9; usually 0." })))
                    (inputs.line("namespace", Some(&html! { "Only for 1msg." })))
                }
            }
        }
    }
}

/// How many characters a text has and may have. `console.js` counts while the person types.
fn counter(fields: &Fields, field: &str) -> Markup {
    let limit = LIMITS.iter().find(|(name, _)| *name == field).map_or(0, |(_, limit)| *limit);
    let length = fields.get(field).chars().count();
    let number = |n: usize| thousands(i64::try_from(n).unwrap_or(i64::MAX));
    html! {
        span class="counter" data-counts={ "f-" (field) } { span class="count" { (number(length)) } " of " (number(limit)) " characters" }
    }
}

/// Variables that can be used; `console.js` makes them buttons.
pub(crate) fn chips(fields: &Fields, columns: &[String]) -> Markup {
    let mut names: Vec<String> = columns.to_vec();
    names.extend(variables(fields).into_iter().filter(|name| !columns.contains(name)));
    html! {
        "Variables: "
        @for name in &names { code class="chip" data-insert={ "{{ " (name) " }}" } { "{{ " (name) " }}" } " " }
        @if columns.is_empty() { @if !names.is_empty() { "· " } "Each column of the list is one, such as " code { "{{ first_name }}" } " for “First name”." }
    }
}

/// The variables that the message uses and every recipient needs.
pub(crate) fn variables(fields: &Fields) -> Vec<String> {
    let compiled = |definition: Definition| definition.compile().ok();
    let message = fields.for_preview(None).ok().and_then(compiled);
    message.map(|message| message.variables().iter().cloned().collect()).unwrap_or_default()
}

/// A field for each variable: what is filled in if a cell is empty.
pub(crate) fn defaults(inputs: Inputs<'_>) -> Markup {
    let names = variables(inputs.fields);
    if names.is_empty() {
        return html! {};
    }
    let body = html! {
        p class="hint" { "Without such a text, the import rejects rows whose cell is empty." }
        div class="pair" { @for name in &names { (inputs.line(&format!("{DEFAULT}{name}"), None)) } }
    };
    card("If a cell is empty", None, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use crate::wizard::faults::Fault;
    use crate::wizard::known_choice::tests::choices;
    use crate::wizard::tests::draft;

    #[test]
    fn the_form_shows_the_draft_with_counters_variables_and_values_for_empty_cells() {
        let fields = Fields::of(&draft(0).definition);
        let around = Around {
            senders: &[],
            known: &choices(),
            columns: &["city".into()],
            address: "/campaigns/7/message",
            hidden: &[("version", "3".into())],
        };
        let faults = [Fault::new("cta", "too long")];
        let drawn = form(&viewer(), Inputs { fields: &fields, faults: &faults }, &around).into_string();
        for expected in [
            r#"<input type="hidden" name="version" value="3">"#,
            "<span class=\"count\">64</span> of 1,024 characters",
            "{{ city }}",
            r#"name="default.first_name""#,
            r#"hx-post="/campaigns/7/message/preview""#,
            r#"<datalist id="screens"><option value="WELCOME">"#,
            r#"list="screens""#,
            r#"id="f-known_template""#,
            r#"<p class="error" id="e-cta">too long</p>"#,
            r#"<input type="radio" name="kind" value="flow" checked>"#,
            "first_name = {{ first_name }}",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
    }
}
