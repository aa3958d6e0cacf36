//! The message to one recipient, and the choice between a campaign's two messages.
//!
//! WhatsApp accepts a free-form flow only while the recipient's 24-hour window is open, and a template at any time. A
//! campaign has one of them or both. The window decides which one is sent; an unknown window is what the campaign
//! assumes.

pub(crate) mod compile;
pub(crate) mod emoji;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod known_template;
pub(crate) mod node;
pub(crate) mod render;
pub(crate) mod template;
pub(crate) mod template_language;
pub(crate) mod template_parts;
pub(crate) mod template_render;
pub(crate) mod template_rules;
pub(crate) mod texts;
pub(crate) mod variables;
pub(crate) mod whitespace;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::message::error::{CompileError, RenderError};
use crate::message::flow::{FlowMessage, FlowTemplate};
use crate::message::render::CompiledFlow;
use crate::message::template::{TemplateMessage, TemplateUse};
use crate::message::template_render::CompiledTemplate;
use crate::message::variables::Variables;

/// A message for one recipient.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A free-form flow message.
    Flow(FlowMessage),
    /// A template, with or without a flow button.
    Template(TemplateMessage),
}

/// The state of a recipient's 24-hour window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The person's last inbound message is less than 24 hours old.
    Open,
    /// The person's last inbound message is older than that.
    Closed,
    /// No inbound message of the person is known.
    Unheard,
}

/// The assumption about a 24-hour window without a known inbound message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssumedWindow {
    /// The window is open: the provider refuses recipients whose window is closed.
    Open,
}

/// The compiled messages of one campaign, with valid fields.
#[derive(Debug)]
pub struct CompiledMessage {
    flow: Option<CompiledFlow>,
    template: Option<CompiledTemplate>,
    assumed: Option<AssumedWindow>,
    variables: BTreeSet<String>,
}

impl CompiledMessage {
    /// Compiles the messages of a campaign. `assumed` applies to windows that are not known.
    pub(crate) fn compile(
        flow: Option<&FlowTemplate>,
        template: Option<&TemplateUse>,
        assumed: Option<AssumedWindow>,
    ) -> Result<Self, CompileError> {
        let flow = flow.map(CompiledFlow::compile).transpose()?;
        let template = template.map(CompiledTemplate::compile).transpose()?;
        let of_flow = flow.iter().flat_map(CompiledFlow::variables);
        let of_template = template.iter().flat_map(CompiledTemplate::variables);
        let variables = of_flow.chain(of_template).cloned().collect();
        Ok(Self { flow, template, assumed, variables })
    }

    /// The variables that every recipient needs, whichever message is sent.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// The template variable whose line breaks, tabs or spaces make Meta refuse the message of this recipient.
    pub fn broken_variable(&self, variables: &Variables) -> Option<&str> {
        self.template.as_ref()?.broken_variable(variables)
    }

    /// Whether the campaign has a template, which can be sent to a closed window.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Renders the message for a recipient whose window is `window`.
    pub fn render(&self, variables: &Variables, window: Window) -> Result<Message, RenderError> {
        let is_open = match window {
            Window::Open => true,
            Window::Closed => false,
            Window::Unheard => matches!(self.assumed, Some(AssumedWindow::Open)),
        };
        match (&self.flow, &self.template) {
            (Some(flow), _) if is_open => flow.render(variables).map(Message::Flow),
            (_, Some(template)) => template.render(variables).map(Message::Template),
            (_, None) => Err(RenderError::WindowClosed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Definition;

    const FLOW: &str = "[flow]\nbody = \"Hi {{ a }}\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n";
    const TEMPLATE: &str =
        "[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{{ b }}\"]\n[template.button]\n";
    const ASSUMED: &str = "[policy]\nassume_window = \"open\"\n";

    fn sent(parts: &[&str], window: Window) -> &'static str {
        let text = format!("name = \"x\"\nsender = \"s\"\n{}", parts.concat());
        let message = Definition::parse(&text).unwrap().compile().unwrap();
        let variables = [("a", "A"), ("b", "B")].into_iter().collect();
        match message.render(&variables, window) {
            Ok(Message::Flow(_)) => "flow",
            Ok(Message::Template(_)) => "template",
            Err(error) => error.word(),
        }
    }

    #[test]
    fn the_window_decides_which_message_is_sent() {
        use Window::{Closed, Open, Unheard};
        for (parts, open, unheard, closed) in [
            (vec![FLOW, ASSUMED], "flow", "flow", "window_closed"),
            (vec![TEMPLATE], "template", "template", "template"),
            (vec![FLOW, TEMPLATE], "flow", "template", "template"),
            (vec![FLOW, TEMPLATE, ASSUMED], "flow", "flow", "template"),
        ] {
            let found = [Open, Unheard, Closed].map(|window| sent(&parts, window));
            assert_eq!(found, [open, unheard, closed], "{parts:?}");
        }
    }

    #[test]
    fn the_variables_of_both_messages_are_needed() {
        let text = format!("name = \"x\"\nsender = \"s\"\n{FLOW}{TEMPLATE}");
        let message = Definition::parse(&text).unwrap().compile().unwrap();
        assert_eq!(message.variables().iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
