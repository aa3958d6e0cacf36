//! The template message: as the author writes it, and as one recipient gets it.
//!
//! A template is approved by Meta beforehand and may be sent outside the 24-hour window. What is filled in here are its
//! variables, in the order of their numbers, and what its flow button carries (Cloud API, `type = "template"`).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An approved template and what it is filled in with, as written in the campaign file. Every text may hold
/// `{{ variables }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    /// Its name at Meta.
    pub name: String,
    /// The language it was approved in, such as `en` or `en_US`.
    pub language: String,
    /// Its namespace; 1msg shows it beside the template, the others do not ask for it.
    pub namespace: Option<String>,
    /// The variable of its header, at most 60 characters; left out where the header has none.
    pub header: Option<String>,
    /// The variables of its body, `{{1}}` first; at most 1024 characters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// Whether line breaks, tabs and many spaces in its variables become one space. Meta refuses variables that hold them, so
    /// without it a row that brings one is refused at the import.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fold_spaces: bool,
    /// Its flow button; left out where it has none.
    pub button: Option<FlowButtonUse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The flow button of a template, as written in the campaign file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowButtonUse {
    /// Its place among the template's buttons, 0 to 9. Default 0, the first.
    pub index: u8,
    /// Data of the flow's first screen; its texts may hold variables.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

/// A template message for one recipient: everything filled in.
#[derive(Clone, PartialEq)]
pub struct TemplateMessage {
    /// Its name at Meta.
    pub name: String,
    /// The language it was approved in.
    pub language: String,
    /// Its namespace, for 1msg.
    pub namespace: Option<String>,
    /// The variable of its header.
    pub header: Option<String>,
    /// The variables of its body, in order.
    pub body: Vec<String>,
    /// Its flow button.
    pub button: Option<FlowButton>,
}

/// The flow button of a template, for one recipient.
#[derive(Clone, PartialEq)]
pub struct FlowButton {
    /// Its place among the template's buttons, 0 to 9.
    pub index: u8,
    /// Data of the flow's first screen; no data is `None`, never an empty object.
    pub data: Option<Map<String, Value>>,
}

impl fmt::Debug for TemplateMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateMessage")
            .field("name", &self.name)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}
