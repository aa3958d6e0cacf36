//! The template message: as written by the author, and as rendered for one recipient.
//!
//! Meta approves a template beforehand, and it may be sent outside the 24-hour window. A campaign fills in its
//! variables, in the order of their numbers, and the data of its flow button (Cloud API, `type = "template"`).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An approved template and its values in the campaign file. Every text may contain `{{ variables }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    /// The template's name at Meta.
    pub name: String,
    /// The language in which the template was approved, such as `en` or `en_US`.
    pub language: String,
    /// The template's namespace. 1msg shows it beside the template; other providers do not need it.
    pub namespace: Option<String>,
    /// The variable of the header, at most 60 characters; left out if the header has none.
    pub header: Option<String>,
    /// The variables of the body, `{{1}}` first; at most 1024 characters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// Whether line breaks, tabs and many spaces in variables become one space. Meta refuses variables that contain
    /// them, so without this setting the import rejects such rows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fold_spaces: bool,
    /// The template's flow button; left out if it has none.
    pub button: Option<FlowButtonUse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The flow button of a template in the campaign file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowButtonUse {
    /// The index of the button in the template, 0 to 9. Default 0, the first.
    pub index: u8,
    /// Data of the flow's first screen; its texts may contain variables.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

/// A template message rendered for one recipient.
#[derive(Clone, PartialEq)]
pub struct TemplateMessage {
    /// The template's name at Meta.
    pub name: String,
    /// The language in which the template was approved.
    pub language: String,
    /// The template's namespace, for 1msg.
    pub namespace: Option<String>,
    /// The variable of the header.
    pub header: Option<String>,
    /// The variables of the body, in order.
    pub body: Vec<String>,
    /// The template's flow button.
    pub button: Option<FlowButton>,
}

/// The flow button of a template, rendered for one recipient.
#[derive(Clone, PartialEq)]
pub struct FlowButton {
    /// The index of the button in the template, 0 to 9.
    pub index: u8,
    /// Data of the flow's first screen. Missing data is `None`, never an empty object.
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
