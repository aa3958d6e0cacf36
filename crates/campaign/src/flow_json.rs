//! The Flow JSON of a WhatsApp Flow, as Meta's builder exports it: its screens, and the labels of its fields.
//!
//! It is uploaded by people, so nothing in it is trusted: its length, the depth of its branches and the number of components of a
//! screen are bounded, and a component that is not known here keeps its type only. Names are those of Meta's reference of Flow JSON.

pub(crate) mod binding;
pub(crate) mod component;
pub(crate) mod error;
pub(crate) mod labels;
mod read;
mod references;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::flow_json::component::FlowComponent;
use crate::flow_json::error::FlowJsonError;
use crate::flow_json::labels::FlowLabels;

/// The maximum length of a Flow JSON in bytes. Flows are a few kilobytes; pictures inside can make them longer.
pub const MAX_FLOW_JSON: usize = 512 * 1024;
/// The most screens of a flow.
pub(crate) const MOST_SCREENS: usize = 100;
/// The most components of a screen that are read; WhatsApp allows as many.
pub(crate) const MOST_COMPONENTS: usize = 50;

/// A flow as its Flow JSON describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowJson {
    /// The screens in the order of the document; WhatsApp opens the first if nothing else is said.
    pub screens: Vec<FlowScreen>,
    document: Value,
}

/// One screen of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowScreen {
    /// The id, such as `WELCOME`.
    pub id: String,
    /// The title; it may contain references such as `${data.title}`. Empty if it has none.
    pub title: String,
    /// Whether the flow ends here.
    pub is_terminal: bool,
    /// The data that the screen declares, by name, with the examples of its author (`null`: none).
    pub data: Map<String, Value>,
    /// The components from top to bottom, at most 50 with those in branches.
    pub components: Vec<FlowComponent>,
    /// The number of further components.
    pub left_out: usize,
}

impl FlowJson {
    /// Reads and checks a Flow JSON.
    pub fn parse(text: &str) -> Result<Self, FlowJsonError> {
        if text.len() > MAX_FLOW_JSON {
            return Err(FlowJsonError::TooLong);
        }
        let text = text.trim_start_matches('\u{feff}');
        // PostgreSQL stores no NUL in texts.
        if text.contains('\0') || text.contains("\\u0000") {
            return Err(FlowJsonError::Nul);
        }
        let document: Value = serde_json::from_str(text)?;
        if document.get("version").and_then(Value::as_str).is_none() {
            return Err(FlowJsonError::NotAFlow);
        }
        let listed = document.get("screens").and_then(Value::as_array).ok_or(FlowJsonError::NotAFlow)?;
        if !(1..=MOST_SCREENS).contains(&listed.len()) {
            return Err(FlowJsonError::Screens(listed.len()));
        }
        let screens = listed.iter().enumerate().map(|(place, screen)| read::screen(place, screen));
        let screens: Vec<FlowScreen> = screens.collect::<Result<_, _>>()?;
        let mut ids = BTreeSet::new();
        match screens.iter().find(|screen| !ids.insert(screen.id.as_str())) {
            Some(twice) => Err(FlowJsonError::Twice(twice.id.clone())),
            None => Ok(Self { screens, document }),
        }
    }

    /// The screen with this id.
    pub fn screen(&self, id: &str) -> Option<&FlowScreen> {
        self.screens.iter().find(|screen| screen.id == id)
    }

    /// The labels of the fields of an answer, and of their options.
    pub fn labels(&self) -> FlowLabels {
        FlowLabels::of(&self.document)
    }
}

#[cfg(test)]
mod tests;
