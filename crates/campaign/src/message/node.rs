//! The parts of a compiled message: texts, JSON values that contain texts, and WhatsApp's limits in characters.

use serde_json::Value;

pub(crate) const HEADER_LIMIT: usize = 60;
pub(crate) const BODY_LIMIT: usize = 1024;
pub(crate) const FOOTER_LIMIT: usize = 60;
pub(crate) const CTA_LIMIT: usize = 30;

#[derive(Debug)]
pub(crate) enum Text {
    /// A text without variables.
    Fixed(String),
    /// The name of a template in the environment.
    Template { field: String, limit: usize },
}

#[derive(Debug)]
pub(crate) enum Action {
    Navigate { screen: String, data: Option<Node> },
    DataExchange,
}

/// A JSON value whose strings may be templates.
#[derive(Debug)]
pub(crate) enum Node {
    Fixed(Value),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}
