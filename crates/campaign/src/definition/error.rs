//! Why a campaign file cannot be used.

use crate::message::error::CompileError;
use crate::provider::Provider;
use crate::time::schedule::ScheduleError;

/// Why a campaign file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not TOML, an unknown key, or a value of the wrong type; the text names line and key.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A value that is not allowed.
    #[error("{field}: {reason}")]
    Value {
        /// The key.
        field: &'static str,
        /// What is wrong and what to write.
        reason: &'static str,
    },
    /// Something that the sender's provider does not support.
    #[error("{provider}: [{section}] {field} {reason}")]
    Provider {
        /// The provider.
        provider: Provider,
        /// The section of the campaign file.
        section: &'static str,
        /// The field of the campaign file.
        field: &'static str,
        /// What is wrong and what to write.
        reason: &'static str,
    },
    /// A default for a variable that the message does not use.
    #[error("defaults.{name}: the message needs no such variable; it needs {needed}")]
    Default {
        /// The key.
        name: String,
        /// The variables that the message has.
        needed: String,
    },
    /// The message is invalid.
    #[error(transparent)]
    Message(#[from] CompileError),
}

impl From<ScheduleError> for DefinitionError {
    fn from(ScheduleError { field, reason }: ScheduleError) -> Self {
        Self::Value { field, reason }
    }
}
