//! Members of what callers send: a member of a change that is left out keeps a value, and `null` removes it; and which member is wrong.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::{Error, Problem};

/// What is wrong with one member, so that a form can show it at its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFault {
    /// The name of the member, or of a part of the address.
    pub member: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

impl MemberFault {
    pub(crate) fn new(member: &'static str, text: impl std::fmt::Display) -> Self {
        Self { member, text: text.to_string() }
    }
}

impl From<MemberFault> for Error {
    fn from(fault: MemberFault) -> Self {
        Self::Refused { problem: Problem::InvalidBody, text: fault.text, member: Some(fault.member) }
    }
}

/// Reads a member that is present: `null` becomes `Some(None)`.
#[expect(clippy::option_option, reason = "left out, removed, given")]
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a member that is present and not `null`.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads an object. Without this, an array would be read as the members of a struct in their order.
pub(crate) fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let members = Map::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(members)).map_err(D::Error::custom)
}
