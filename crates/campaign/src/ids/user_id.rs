//! WhatsApp's own id of a person, which stands beside their number or instead of it.

use std::fmt;

/// The longest id that is taken: two letters, a dot and 128 characters, with room for the parent's `ENT.`.
const LONGEST: usize = 160;

/// A business-scoped user id of WhatsApp, such as `KE.13491208655302741918`. It names a person to one business, and changes when
/// they change their number. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Takes an id of visible ASCII characters.
    pub fn new(id: &str) -> Option<Self> {
        let is_id = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| Self(id.to_owned()))
    }

    /// The id, for storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}
