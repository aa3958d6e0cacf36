//! Members of changes: a member that is left out keeps a value, and `null` removes it.

use serde::{Deserialize, Deserializer};

/// Reads a member that is present: `null` becomes `Some(None)`.
#[expect(clippy::option_option, reason = "left out, removed, given")]
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
