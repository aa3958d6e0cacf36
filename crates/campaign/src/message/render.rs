//! Renders the flow message of one recipient from the author's texts and the recipient's variables.
//!
//! A text without a variable is rendered once, when the campaign is compiled. A missing or empty variable is an error
//! and never becomes an empty text.

use std::collections::BTreeSet;

use crate::message::compile::Compiler;
use crate::message::emoji::is_emoji;
use crate::message::error::{CompileError, RenderError};
use crate::message::flow::{FlowAction, FlowMessage, FlowMode, FlowName, FlowTemplate};
use crate::message::node::{Action, BODY_LIMIT, CTA_LIMIT, FOOTER_LIMIT, HEADER_LIMIT, Text};
use crate::message::texts::Texts;
use crate::message::variables::Variables;

/// A compiled flow message with valid fields.
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
    has_reference: bool,
    variables: BTreeSet<String>,
}

impl CompiledFlow {
    /// Compiles and checks the author's message.
    pub(crate) fn compile(template: &FlowTemplate) -> Result<Self, CompileError> {
        let mut compiler = Compiler::new("flow");
        let header = compiler.optional("header", template.header.as_deref(), HEADER_LIMIT)?;
        let body = compiler.required("body", &template.body, BODY_LIMIT)?;
        let footer = compiler.optional("footer", template.footer.as_deref(), FOOTER_LIMIT)?;
        let cta = compiler.required("cta", &template.cta, CTA_LIMIT)?;
        let flow = compiler.flow_name(template)?;
        let action = compiler.action(template)?;
        let texts = compiler.finish();
        let (mode, has_reference, variables) = (template.mode, template.reference, BTreeSet::new());
        let mut compiled =
            Self { texts, header, body, footer, cta, flow, action, mode, has_reference, variables };
        compiled.texts.check(|variables| compiled.render(variables).map(drop))?;
        compiled.variables = compiled.texts.needed(|variables| compiled.render(variables).map(drop));
        Ok(compiled)
    }

    /// The variables that the message needs of every recipient.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Renders the message for one recipient.
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
        let (flow, mode, has_reference) = (self.flow.clone(), self.mode, self.has_reference);
        Ok(FlowMessage { header, body, footer, cta, flow, action, mode, has_reference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::flow::FlowActionKind;
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
    fn a_message_is_rendered_for_one_recipient() {
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
    fn the_needed_variables_are_known_before_anything_is_sent() {
        let compiled = CompiledFlow::compile(&template()).unwrap();
        assert_eq!(compiled.variables().iter().collect::<Vec<_>>(), ["day", "first_name", "town"]);
    }

    #[test]
    fn a_missing_or_empty_variable_is_never_an_empty_text() {
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
    fn a_variable_that_if_tests_is_optional() {
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
    fn an_invalid_message_is_refused_with_its_field() {
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
            "[flow] cta: has 31 characters, WhatsApp allows at most 30"
        );
        assert!(
            change(&|t| t.body = "Hello {{ name".into())
                .starts_with("[flow] body: not a valid text: syntax error")
        );
        assert_eq!(
            change(&|t| t.body = "Hi {{ First name }}, {{ city }}".into()),
            "[flow] body: {{ First name }} is not a variable, because it has a space; write {{ first_name }}"
        );
        let operator = change(&|t| t.body = "Hi {{ a if b c }}".into());
        assert!(operator.starts_with("[flow] body: not a valid text: syntax error"), "{operator}");
        assert!(
            change(&|t| t.action = FlowActionKind::DataExchange).starts_with("[flow] screen: is only for")
        );
    }
}
