//! The flow and the template of a message: chosen from those that are known of the sender, or named by id or name.

use control::{Error, FlowView, TemplateView};
use maud::{Markup, html};

use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::{Fault, label};
use crate::wizard::fields::Fields;

/// The fields in which a known flow and a known template are chosen. An empty value means another one, which is named.
const FLOW: &str = "known_flow";
const TEMPLATE: &str = "known_template";
/// The most screens that are suggested.
const MOST_SCREENS: usize = 200;

/// The flows and templates of all senders of a person.
#[derive(Default)]
pub(crate) struct KnownChoices {
    flows: Vec<FlowView>,
    templates: Vec<TemplateView>,
}

/// One option of a choice: the sender, the value, the text.
type Choice<'a> = (&'a str, String, String);

impl KnownChoices {
    pub(crate) async fn read(console: &Console, viewer: &Viewer) -> Result<Self, Error> {
        let flows = console.control.all_flows(&viewer.caller).await?;
        let templates = console.control.all_templates(&viewer.caller).await?;
        Ok(Self { flows, templates })
    }

    /// The flow that the fields name, if it is known: of their sender, else of another one.
    fn flow(&self, fields: &Fields) -> Option<&FlowView> {
        let id = fields.get("flow_id").trim();
        let named = || self.flows.iter().filter(|flow| flow.flow_id == id);
        named().find(|flow| flow.sender == fields.get("sender")).or_else(|| named().next())
    }

    /// Puts what was chosen into the fields that name it, and the first screen of a known flow where none is named.
    pub(crate) fn complete(&self, fields: &mut Fields) {
        if let Some(id) = fields.take(FLOW).filter(|id| !id.is_empty()) {
            fields.set("flow_id", &id);
            fields.set("flow_name", "");
        }
        if let Some((name, language)) =
            fields.take(TEMPLATE).as_deref().and_then(|value| value.split_once('/'))
        {
            fields.set("template", name);
            fields.set("language", language);
        }
        let is_empty = fields.get("screen").trim().is_empty() && fields.get("action") != "data_exchange";
        let first = self.flow(fields).and_then(|flow| flow.screens.first()).filter(|_| is_empty);
        if let Some(first) = first.map(|screen| screen.id.clone()) {
            fields.set("screen", &first);
        }
    }

    /// What a known flow says against the fields.
    pub(crate) fn faults(&self, fields: &Fields) -> Vec<Fault> {
        let screen = fields.get("screen").trim();
        let Some(flow) = self.flow(fields).filter(|flow| flow.sender == fields.get("sender")) else {
            return Vec::new();
        };
        if fields.get("kind") == "template"
            || screen.is_empty()
            || flow.screens.iter().any(|one| one.id == screen)
        {
            return Vec::new();
        }
        let screens: Vec<&str> = flow.screens.iter().map(|screen| screen.id.as_str()).collect();
        let text = format!("The flow {} has no screen {screen}; it has {}", flow.name, screens.join(", "));
        vec![Fault::new("screen", text)]
    }

    /// The choice of a flow; nothing if none is known.
    pub(crate) fn flow_choice(&self, fields: &Fields) -> Markup {
        let choice = |flow: &FlowView| (flow.flow_id.clone(), format!("{} ({})", flow.name, flow.flow_id));
        let choices: Vec<Choice<'_>> = self
            .flows
            .iter()
            .map(|flow| {
                let (value, text) = choice(flow);
                (flow.sender.as_str(), value, text)
            })
            .collect();
        select(FLOW, "Another flow: write its id below", (&choices, fields.get("flow_id")), fields)
    }

    /// The choice of a template; nothing if none is known.
    pub(crate) fn template_choice(&self, fields: &Fields) -> Markup {
        let choices: Vec<Choice<'_>> = self
            .templates
            .iter()
            .map(|one| {
                let value = format!("{}/{}", one.name, one.language);
                (one.sender.as_str(), value, format!("{} ({})", one.name, one.language))
            })
            .collect();
        let chosen = format!("{}/{}", fields.get("template"), fields.get("language"));
        select(TEMPLATE, "Another template: write its name below", (&choices, &chosen), fields)
    }

    /// Suggestions for the first screen: those of the chosen flow, else those of all known flows.
    pub(crate) fn screens(&self, fields: &Fields) -> Markup {
        let chosen = self.flow(fields);
        let flows = chosen.map_or_else(|| self.flows.iter().collect(), |flow| vec![flow]);
        let all =
            flows.iter().flat_map(|flow| flow.screens.iter().map(|screen| (flow.name.as_str(), screen)));
        html! {
            @for (flow, screen) in all.take(MOST_SCREENS) {
                option value=(screen.id) { @if chosen.is_none() { (flow) ": " } (screen.title) }
            }
        }
    }
}

fn select(field: &str, other: &str, (choices, chosen): (&[Choice<'_>], &str), fields: &Fields) -> Markup {
    if choices.is_empty() {
        return html! {};
    }
    let is_chosen = |(sender, value, _): &&Choice<'_>| value == chosen && *sender == fields.get("sender");
    let own = choices.iter().position(|choice| is_chosen(&choice));
    let place = own.or_else(|| choices.iter().position(|(_, value, _)| value == chosen));
    let mut senders: Vec<&str> = choices.iter().map(|(sender, _, _)| *sender).collect();
    senders.dedup();
    let option = |n: usize, (_, value, text): &Choice<'_>| {
        html! { option value=(value) selected[place == Some(n)] { (text) } }
    };
    html! {
        div class="field" {
            label for={ "f-" (field) } { (label(field)) }
            select id={ "f-" (field) } name=(field) {
                option value="" { (other) }
                @for sender in &senders {
                    optgroup label={ "Known of " (sender) } {
                        @for (n, choice) in choices.iter().enumerate().filter(|(_, choice)| choice.0 == *sender) { (option(n, choice)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use control::{NewTemplate, ScreenView};

    pub(crate) fn choices() -> KnownChoices {
        let at = "2026-11-30T09:00:00Z".parse().unwrap();
        let screen = |id: &str| ScreenView { id: id.into(), title: format!("Title of {id}") };
        let flow = |sender: &str, id: &str, name: &str| FlowView {
            sender: sender.into(),
            flow_id: id.into(),
            name: name.into(),
            screens: vec![screen("WELCOME"), screen("COMMENT")],
            updated_at: at,
            updated_by: "anna".into(),
        };
        let template = TemplateView {
            sender: "ke-main".into(),
            name: "visit".into(),
            language: "en_US".into(),
            text: NewTemplate {
                header: None,
                body: "Hi {{1}}".into(),
                footer: None,
                buttons: Vec::new(),
                ..NewTemplate::default()
            },
            updated_at: at,
            updated_by: "anna".into(),
        };
        let flows = vec![
            flow("in-main", "12", "Indian"),
            flow("ke-main", "12", "Survey <1>"),
            flow("ke-main", "13", "Other"),
        ];
        KnownChoices { flows, templates: vec![template] }
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Fields::sent([("sender".to_owned(), "ke-main".to_owned())].into_iter().chain(pairs).collect())
    }

    #[test]
    fn what_was_chosen_is_put_into_the_fields_that_name_it() {
        let mut chosen = fields(&[
            ("known_flow", "13"),
            ("flow_id", "99"),
            ("flow_name", "x"),
            ("known_template", "visit/en_US"),
            ("template", "old"),
        ]);
        choices().complete(&mut chosen);
        for (field, value) in [
            ("flow_id", "13"),
            ("flow_name", ""),
            ("screen", "WELCOME"),
            ("template", "visit"),
            ("language", "en_US"),
        ] {
            assert_eq!(chosen.get(field), value, "{field}");
        }
        assert!(!chosen.has("known_flow") && !chosen.has("known_template"));
        let mut named =
            fields(&[("known_flow", ""), ("flow_id", "99"), ("known_template", ""), ("template", "own")]);
        choices().complete(&mut named);
        assert_eq!((named.get("flow_id"), named.get("screen"), named.get("template")), ("99", "", "own"));
    }

    #[test]
    fn a_screen_that_a_known_flow_of_the_sender_lacks_is_a_fault() {
        let faults = |pairs: &[(&str, &str)]| choices().faults(&fields(pairs));
        assert_eq!(faults(&[("flow_id", "12"), ("screen", "COMMENT")]), []);
        assert_eq!(faults(&[("flow_id", "99"), ("screen", "X")]), []);
        let found = faults(&[("flow_id", "13"), ("screen", "X")]);
        assert_eq!(found, [Fault::new("screen", "The flow Other has no screen X; it has WELCOME, COMMENT")]);
    }

    #[test]
    fn the_choice_shows_the_flow_of_the_sender_and_escapes_names() {
        let drawn = choices().flow_choice(&fields(&[("flow_id", "12")])).into_string();
        assert!(drawn.contains("<option value=\"12\">Indian (12)</option>"), "{drawn}");
        assert!(drawn.contains("<option value=\"12\" selected>Survey &lt;1&gt; (12)</option>"), "{drawn}");
        assert!(drawn.contains("<optgroup label=\"Known of ke-main\">"), "{drawn}");
        let template = fields(&[("template", "visit"), ("language", "en_US")]);
        assert!(
            choices().template_choice(&template).into_string().contains("value=\"visit/en_US\" selected")
        );
        assert_eq!(KnownChoices::default().flow_choice(&fields(&[])).into_string(), "");
        let of_one = choices().screens(&fields(&[("flow_id", "13")])).into_string();
        assert!(of_one.starts_with("<option value=\"WELCOME\">Title of WELCOME</option>"), "{of_one}");
        assert!(choices().screens(&fields(&[])).into_string().contains("Indian: Title of WELCOME"));
    }
}
