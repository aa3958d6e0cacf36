//! What is sent to one recipient, and which of a campaign's two messages it is.
//!
//! WhatsApp takes a free-form flow only while the recipient's 24-hour window is open, and a template at any time. A
//! campaign has one of them or both; the window decides, and what is not known of it is what the campaign assumes.

pub(crate) mod compile;
pub(crate) mod emoji;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod node;
pub(crate) mod render;
pub(crate) mod template;
pub(crate) mod template_language;
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

/// What is known of a recipient's 24-hour window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// They wrote to us less than 24 hours ago.
    Open,
    /// They wrote to us before that, and not since.
    Closed,
    /// Nobody heard from them here.
    Unheard,
}

/// What is assumed of a 24-hour window that nobody heard about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssumedWindow {
    /// It is open: the provider will refuse those whose window is closed.
    Open,
}

/// The messages of one campaign, their texts parsed and their fields known to be right.
#[derive(Debug)]
pub struct CompiledMessage {
    flow: Option<CompiledFlow>,
    template: Option<CompiledTemplate>,
    assumed: Option<AssumedWindow>,
    variables: BTreeSet<String>,
}

impl CompiledMessage {
    /// Compiles the messages of a campaign. `assumed` is what the campaign assumes about windows that are not known.
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

    /// The variables needed of every recipient, whichever message they get.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// The variable of the template whose line breaks, tabs or spaces Meta would refuse this recipient's message for.
    pub fn broken_variable(&self, variables: &Variables) -> Option<&str> {
        self.template.as_ref()?.broken_variable(variables)
    }

    /// Fills in the message that this recipient gets, their window being as it is.
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
