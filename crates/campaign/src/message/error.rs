//! Why a message cannot be compiled, or cannot be rendered for one recipient.

use crate::states::reason_codes::own_code;

pub(crate) const OVER_LIMIT: &str = "filling in this text takes too many steps or gives too long a text; write it with fewer or shorter loops";
pub(crate) const FAULTY: &str = "this text uses something that the template language does not have";
pub(crate) const WHITESPACE: &str = "Meta takes no line break, no tab and no more than four spaces in a row in a variable of a \
    template; change the text, or write fold_spaces = true under [template] to make each of them one space";
pub(crate) const LINK: &str =
    "this is not a web address; write an address that begins with https:// and has no spaces";
pub(crate) const EMOJI: &str = "WhatsApp allows no emoji on the button; write words only";

/// Why a message cannot be sent to any recipient.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A text is not valid in the template language.
    #[error("[{section}] {field}: {reason}")]
    Syntax {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
        /// The error of the template engine, with the line.
        reason: String,
    },
    /// A field is missing, empty, too long or contradicts another.
    #[error("[{section}] {field}: {reason}")]
    Field {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
        /// What is wrong and what to write.
        reason: String,
    },
}

/// Why a message cannot be rendered for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable that the message needs is missing or empty in this row.
    #[error("[{section}] {field}: a variable is missing or empty in this row")]
    Missing {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The rendered text is longer than WhatsApp allows.
    #[error("[{section}] {field}: {length} characters when filled in, at most {limit}")]
    TooLong {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
        /// The length for this recipient, in characters.
        length: usize,
        /// WhatsApp's limit.
        limit: usize,
    },
    /// Rendering takes too many steps or gives too long a text.
    #[error("[{section}] {field}: {OVER_LIMIT}")]
    OverLimit {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The text uses something that the template language does not have.
    #[error("[{section}] {field}: {FAULTY}")]
    Faulty {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// A variable of a template contains line breaks, tabs or many spaces.
    #[error("[{section}] {field}: {WHITESPACE}")]
    Whitespace {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The text of the button contains an emoji.
    #[error("[{section}] {field}: {EMOJI}")]
    Emoji {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The address of the header's media is not a web address.
    #[error("[{section}] {field}: {LINK}")]
    Link {
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: String,
    },
    /// The window is closed, so only a template could be sent, and the campaign has none.
    #[error("their 24-hour window is closed, and the campaign has no [template]")]
    WindowClosed,
}

impl RenderError {
    /// The reason code in tables and reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => const { own_code("variable_missing") },
            Self::TooLong { .. } => const { own_code("text_too_long") },
            Self::OverLimit { .. } => const { own_code("text_over_limit") },
            Self::Faulty { .. } => const { own_code("text_faulty") },
            Self::Whitespace { .. } => const { own_code("line_break_in_variable") },
            Self::Emoji { .. } => const { own_code("emoji_in_button") },
            Self::Link { .. } => const { own_code("link_not_web_address") },
            Self::WindowClosed => const { own_code("window_closed") },
        }
    }
}
