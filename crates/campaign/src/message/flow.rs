//! The WhatsApp Flow message: as written by the author, and as rendered for one recipient.
//!
//! Fields and limits are Meta's (Cloud API, `interactive.type = "flow"`). Providers support all of them or some.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A flow message in the campaign file. Every text may contain `{{ variables }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowTemplate {
    /// Bold line above the body; at most 60 characters when rendered.
    pub header: Option<String>,
    /// The message; at most 1024 characters when rendered.
    pub body: String,
    /// Small line below the body; at most 60 characters when rendered.
    pub footer: Option<String>,
    /// Text of the button that opens the flow; at most 30 characters.
    pub cta: String,
    /// Id of the flow at Meta. Exactly one of `flow_id` and `flow_name` is given.
    pub flow_id: Option<String>,
    /// Name of the flow at Meta.
    pub flow_name: Option<String>,
    /// Whether the flow opens on a screen or asks its endpoint first.
    #[serde(default)]
    pub action: FlowActionKind,
    /// The first screen; required for `navigate`.
    pub screen: Option<String>,
    /// Data of the first screen; its texts may contain variables. Only with `navigate`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// Whether the button opens the published flow or the draft.
    #[serde(default)]
    pub mode: FlowMode,
    /// Whether LipaChat's message carries our reference as `flowcast_ref` in the data of the first screen. Default yes; only LipaChat has
    /// the choice, because its messages have no flow token.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub reference: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

/// What the button does, as written in the campaign file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowActionKind {
    /// Opens the first screen.
    #[default]
    Navigate,
    /// Asks the flow's endpoint which screen to open.
    DataExchange,
}

/// Which version of the flow is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowMode {
    /// The published one.
    #[default]
    Published,
    /// The draft, for tests.
    Draft,
}

impl FlowMode {
    /// Meta's name of the mode.
    pub fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Draft => "draft",
        }
    }
}

/// A flow message rendered for one recipient, within Meta's limits.
#[derive(Clone, PartialEq)]
pub struct FlowMessage {
    /// Bold line above the body.
    pub header: Option<String>,
    /// The message.
    pub body: String,
    /// Small line below the body.
    pub footer: Option<String>,
    /// Text of the button.
    pub cta: String,
    /// Which flow.
    pub flow: FlowName,
    /// What the button does.
    pub action: FlowAction,
    /// Which version of the flow.
    pub mode: FlowMode,
    /// Whether LipaChat's message carries our reference in its data.
    pub has_reference: bool,
}

/// Id or name of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowName {
    /// Meta's id.
    Id(String),
    /// The name that its author gave it.
    Name(String),
}

/// What the button does.
#[derive(Clone, PartialEq)]
pub enum FlowAction {
    /// Opens this screen with this data. Missing data is `None`, never an empty object.
    Navigate {
        /// The first screen.
        screen: String,
        /// Its data.
        data: Option<Map<String, Value>>,
    },
    /// Asks the flow's endpoint.
    DataExchange,
}

impl std::fmt::Debug for FlowMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowMessage")
            .field("flow", &self.flow)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
