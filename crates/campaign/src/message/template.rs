//! The template message: as written by the author, and as rendered for one recipient.
//!
//! Meta approves a template beforehand, and it may be sent outside the 24-hour window. A campaign fills in its
//! variables, by number or by name, the media of its header, the values of its buttons, and the data of its flow button
//! (Cloud API, `type = "template"`).

use std::collections::BTreeMap;
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
    /// The name of the header's variable, if the variables of the template have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_name: Option<String>,
    /// The variables of the body, `{{1}}` first; at most 1024 characters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// Whether line breaks, tabs and many spaces in variables become one space. Meta refuses variables that contain
    /// them, so without this setting the import rejects such rows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fold_spaces: bool,
    /// The image, video or document of the header; left out if the header has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<HeaderMediaUse>,
    /// The variables of the body by name, if the variables of the template have names; at most 1024 characters each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The template's flow button; left out if it has none.
    pub button: Option<FlowButtonUse>,
    /// Values of the other buttons that have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<ButtonUse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The kind of a header's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A document, such as a PDF file.
    Document,
}

impl MediaKind {
    /// Meta's name of the kind.
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

/// The media of a template's header in the campaign file. Exactly one of `link` and `id` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderMediaUse {
    /// The kind, as in the approved template.
    pub kind: MediaKind,
    /// The web address of the file; may contain variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The id of the file at Meta; may contain variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The file name that the recipient sees, for documents only; may contain variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

/// The kind of a button that has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    /// Opens a web address; the value is the variable at its end.
    Url,
    /// Sends a reply; the value is the payload that the reply carries.
    QuickReply,
    /// Copies a coupon code, which is the value.
    CopyCode,
}

impl ButtonKind {
    /// Meta's name of the kind.
    pub fn word(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::QuickReply => "quick_reply",
            Self::CopyCode => "copy_code",
        }
    }
}

/// The value of a template's button in the campaign file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ButtonUse {
    /// The index of the button in the template, 0 to 9.
    pub index: u8,
    /// The kind, as in the approved template.
    pub kind: ButtonKind,
    /// The value; may contain variables.
    pub value: String,
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
    /// The header.
    pub header: Option<TemplateHeader>,
    /// The variables of the body, in order if they have no names.
    pub body: Vec<TemplateParameter>,
    /// The template's flow button.
    pub button: Option<FlowButton>,
    /// The values of the other buttons.
    pub buttons: Vec<ButtonValue>,
}

/// The header of a template, rendered for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub enum TemplateHeader {
    /// The variable of its text.
    Text(TemplateParameter),
    /// Its media.
    Media(HeaderMedia),
}

/// A variable of a template, rendered for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateParameter {
    /// Its name; `None` if the variables of the template have numbers.
    pub name: Option<String>,
    /// Its value.
    pub text: String,
}

impl From<&str> for TemplateParameter {
    fn from(text: &str) -> Self {
        Self { name: None, text: text.to_owned() }
    }
}

/// The media of a template's header, rendered for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderMedia {
    /// The kind.
    pub kind: MediaKind,
    /// Where the file is.
    pub source: MediaSource,
    /// The file name that the recipient sees.
    pub filename: Option<String>,
}

/// Where the file of a header is.
#[derive(Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// At this web address.
    Link(String),
    /// At Meta, under this id.
    Id(String),
}

/// The value of a template's button, rendered for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct ButtonValue {
    /// The index of the button in the template, 0 to 9.
    pub index: u8,
    /// The kind.
    pub kind: ButtonKind,
    /// The value.
    pub value: String,
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
