//! WhatsApp's id of a person, in addition to the phone number or instead of it.

use std::fmt;

/// Longest accepted id: two letters, a dot and 128 characters, and the `ENT.` of ids of a parent business.
const LONGEST: usize = 160;

/// A business-scoped user id of WhatsApp, such as `KE.13491208655302741918`. It identifies a person to one business and
/// changes with the person's number. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Accepts an id of visible ASCII characters.
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
