//! What is sent to one recipient, and which of a campaign's two messages it is.
//!
//! WhatsApp takes a free-form flow only while the recipient's 24-hour window is open, and a template at any time. A
//! campaign has one of them or both; the window decides, and what is not known of it is what the campaign assumes.

use std::collections::BTreeSet;

use crate::compile::CompileError;
use crate::definition::{AssumedWindow, Definition};
use crate::flow::FlowMessage;
use crate::render::{CompiledFlow, RenderError};
use crate::template::TemplateMessage;
use crate::template_render::CompiledTemplate;
use crate::variables::Variables;

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

/// The messages of one campaign, their texts parsed and their fields known to be right.
#[derive(Debug)]
pub struct CompiledMessage {
    flow: Option<CompiledFlow>,
    template: Option<CompiledTemplate>,
    assumed: Option<AssumedWindow>,
    variables: BTreeSet<String>,
}

impl CompiledMessage {
    /// Parses and checks the messages of a campaign.
    pub(crate) fn compile(definition: &Definition) -> Result<Self, CompileError> {
        let flow = definition.flow.as_ref().map(CompiledFlow::compile).transpose()?;
        let template = definition.template.as_ref().map(CompiledTemplate::compile).transpose()?;
        let of_flow = flow.iter().flat_map(CompiledFlow::variables);
        let of_template = template.iter().flat_map(CompiledTemplate::variables);
        let variables = of_flow.chain(of_template).cloned().collect();
        Ok(Self { flow, template, assumed: definition.policy.assume_window, variables })
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
