//! From the author's texts and one recipient's variables to the message that recipient gets.
//!
//! A text without a variable is rendered once, when the campaign is compiled. A missing or empty variable is an error,
//! never an empty place in a message.

use std::collections::BTreeSet;

use crate::compile::{
    Action, BODY_LIMIT, CTA_LIMIT, CompileError, Compiler, FOOTER_LIMIT, HEADER_LIMIT, Text,
};
use crate::emoji::is_emoji;
use crate::flow::{FlowAction, FlowMessage, FlowMode, FlowName, FlowTemplate};
use crate::own_codes::own_code;
use crate::texts::Texts;
use crate::variables::Variables;

const OVER_LIMIT: &str = "filling in this text takes too many steps or gives too long a text; write it with fewer or shorter loops";
const FAULTY: &str = "this text uses something that the template language does not have";
pub(crate) const WHITESPACE: &str = "Meta takes no line break, no tab and no more than four spaces in a row in a variable of a \
    template; change the text, or write fold_spaces = true under [template] to make each of them one space";
pub(crate) const EMOJI: &str = "WhatsApp takes no emoji on the button; write words only";

/// Why a message could not be filled in for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable that the message needs is missing or empty in this row.
    #[error("[{section}] {field}: a variable is missing or empty in this row")]
    Missing {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The filled-in text is longer than WhatsApp takes.
    #[error("[{section}] {field}: {length} characters when filled in, at most {limit}")]
    TooLong {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
        /// Its length for this recipient, in characters.
        length: usize,
        /// WhatsApp's limit.
        limit: usize,
    },
    /// Filling the text in takes too much work, or gives too long a text.
    #[error("[{section}] {field}: {OVER_LIMIT}")]
    OverLimit {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The text uses something that the template language has not.
    #[error("[{section}] {field}: {FAULTY}")]
    Faulty {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// A variable of a template holds line breaks, tabs or many spaces.
    #[error("[{section}] {field}: {WHITESPACE}")]
    Whitespace {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The text of the button holds an emoji.
    #[error("[{section}] {field}: {EMOJI}")]
    Emoji {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// Only a template could be sent to this recipient, and the campaign has none.
    #[error("their 24-hour window is closed, and the campaign has no [template]")]
    WindowClosed,
}

impl RenderError {
    /// The word this reason has in tables and reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => const { own_code("variable_missing") },
            Self::TooLong { .. } => const { own_code("text_too_long") },
            Self::OverLimit { .. } => const { own_code("text_over_limit") },
            Self::Faulty { .. } => const { own_code("text_faulty") },
            Self::Whitespace { .. } => const { own_code("line_break_in_variable") },
            Self::Emoji { .. } => const { own_code("emoji_in_button") },
            Self::WindowClosed => const { own_code("window_closed") },
        }
    }
}

/// A flow message whose texts are parsed and whose fields are known to be right.
#[derive(Debug)]
pub(crate) struct CompiledFlow {
    texts: Texts,
    header: Option<Text>,
    body: Text,
    footer: Option<Text>,
    cta: Text,
    flow: FlowName,
    action: Action,
    mode: FlowMode,
    variables: BTreeSet<String>,
}

impl CompiledFlow {
    /// Parses and checks the author's message.
    pub(crate) fn compile(template: &FlowTemplate) -> Result<Self, CompileError> {
        let mut compiler = Compiler::new("flow");
        let header = compiler.optional("header", template.header.as_deref(), HEADER_LIMIT)?;
        let body = compiler.required("body", &template.body, BODY_LIMIT)?;
        let footer = compiler.optional("footer", template.footer.as_deref(), FOOTER_LIMIT)?;
        let cta = compiler.required("cta", &template.cta, CTA_LIMIT)?;
        let flow = compiler.flow_name(template)?;
        let action = compiler.action(template)?;
        let texts = compiler.finish();
        let (mode, variables) = (template.mode, BTreeSet::new());
        let mut compiled = Self { texts, header, body, footer, cta, flow, action, mode, variables };
        compiled.texts.check(|variables| compiled.render(variables).map(drop))?;
        compiled.variables = compiled.texts.needed(|variables| compiled.render(variables).map(drop));
        Ok(compiled)
    }

    /// The variables that the message needs of every recipient.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Fills in the message for one recipient.
    pub(crate) fn render(&self, variables: &Variables) -> Result<FlowMessage, RenderError> {
        let variables = &self.texts.context(variables);
        let text = |text: &Text| self.texts.text(text, variables);
        let header = self.header.as_ref().map(text).transpose()?;
        let body = text(&self.body)?;
        let footer = self.footer.as_ref().map(text).transpose()?;
        let cta = text(&self.cta)?;
        if cta.chars().any(is_emoji) {
            return Err(RenderError::Emoji { section: "flow", field: "cta".into() });
        }
        let action = match &self.action {
            Action::Navigate { screen, data } => {
                let data = data.as_ref().map(|node| self.texts.object(node, variables)).transpose()?;
                FlowAction::Navigate { screen: screen.clone(), data }
            }
            Action::DataExchange => FlowAction::DataExchange,
        };
        Ok(FlowMessage { header, body, footer, cta, flow: self.flow.clone(), action, mode: self.mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowActionKind;
    use serde_json::{Value, json};

    fn template() -> FlowTemplate {
        serde_json::from_value(json!({
            "header": "Survey",
            "body": "Hello {{ first_name }}, two questions.",
            "footer": "Reply STOP to opt out",
            "cta": "Open survey",
            "flow_id": "1197715005513101",
            "screen": "WELCOME",
            "data": {"name": "{{ first_name }}", "shop": {"town": "{{ town|upper }}", "open": true}, "days": ["Mon", "{{ day }}"]},
        }))
        .unwrap()
    }

    fn anna() -> Variables {
        [("first_name", "Anna"), ("town", "Nakuru"), ("day", "Tue")].into_iter().collect()
    }

    #[test]
    fn a_message_is_filled_in_for_one_recipient() {
        let compiled = CompiledFlow::compile(&template()).unwrap();
        let message = compiled.render(&anna()).unwrap();
        assert_eq!(message.body, "Hello Anna, two questions.");
        let FlowAction::Navigate { data, .. } = message.action else { panic!("not navigate") };
        assert_eq!(
            Value::Object(data.unwrap()),
            json!({"name": "Anna", "shop": {"town": "NAKURU", "open": true}, "days": ["Mon", "Tue"]})
        );
    }

    #[test]
    fn the_needed_variables_are_known_before_anyone_is_sent_to() {
        let compiled = CompiledFlow::compile(&template()).unwrap();
        assert_eq!(compiled.variables().iter().collect::<Vec<_>>(), ["day", "first_name", "town"]);
    }

    #[test]
    fn a_missing_or_empty_variable_is_never_an_empty_place() {
        let compiled = CompiledFlow::compile(&template()).unwrap();
        let mut empty = anna();
        empty.0.insert("first_name".into(), "  ".into());
        assert_eq!(
            compiled.render(&empty),
            Err(RenderError::Missing { section: "flow", field: "body".into() })
        );
        let mut missing = anna();
        missing.0.remove("day");
        assert_eq!(
            compiled.render(&missing),
            Err(RenderError::Missing { section: "flow", field: "data.days.1".into() })
        );
    }

    #[test]
    fn a_default_in_the_text_fills_an_empty_cell() {
        let mut template = template();
        template.body = "Hello {{ first_name | default('friend') }}".into();
        let compiled = CompiledFlow::compile(&template).unwrap();
        let mut variables = anna();
        variables.0.insert("first_name".into(), String::new());
        let error = compiled.render(&variables).unwrap_err();
        assert_eq!(error, RenderError::Missing { section: "flow", field: "data.name".into() });
        template.data.clear();
        let compiled = CompiledFlow::compile(&template).unwrap();
        assert_eq!(compiled.render(&variables).unwrap().body, "Hello friend");
        assert!(compiled.variables().is_empty());
    }

    #[test]
    fn a_variable_asked_about_by_if_is_optional() {
        let mut template = template();
        template.body = "Hello{% if title %} {{ title }}{% endif %} {{ first_name }}".into();
        let compiled = CompiledFlow::compile(&template).unwrap();
        assert!(!compiled.variables().contains("title"));
        assert_eq!(compiled.render(&anna()).unwrap().body, "Hello Anna");
    }

    #[test]
    fn a_text_too_long_for_whatsapp_is_refused_for_that_recipient_only() {
        let compiled = CompiledFlow::compile(&template()).unwrap();
        let mut long = anna();
        long.0.insert("first_name".into(), "é".repeat(1024));
        let error = compiled.render(&long).unwrap_err();
        assert_eq!(
            error,
            RenderError::TooLong { section: "flow", field: "body".into(), length: 1046, limit: 1024 }
        );
        assert!(compiled.render(&anna()).is_ok());
    }

    #[test]
    fn a_wrong_message_is_refused_with_its_field() {
        let change = |change: &dyn Fn(&mut FlowTemplate)| {
            let mut template = template();
            change(&mut template);
            CompiledFlow::compile(&template).unwrap_err().to_string()
        };
        assert_eq!(change(&|t| t.body = " ".into()), "[flow] body: is empty; write its text");
        assert_eq!(change(&|t| t.screen = None), "[flow] screen: is missing; name the flow's first screen");
        assert_eq!(
            change(&|t| t.flow_id = None),
            "[flow] flow_id: give exactly one of flow_id and flow_name"
        );
        assert_eq!(
            change(&|t| t.cta = "x".repeat(31)),
            "[flow] cta: has 31 characters, WhatsApp takes at most 30"
        );
        assert!(
            change(&|t| t.body = "Hello {{ name".into())
                .starts_with("[flow] body: not a valid text: syntax error")
        );
        assert!(
            change(&|t| t.action = FlowActionKind::DataExchange).starts_with("[flow] screen: is only for")
        );
    }
}
