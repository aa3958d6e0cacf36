//! Named places where a test lets the process die, as by `kill -9`: `FLOWCAST_FAIL_AT=after_claim` or `after_claim:3` for
//! the third time it is passed.
//!
//! **Invariants.** A release has none of it: [`pass`] is empty there, and [`check`] refuses to start when the variable is
//! set, because the fault would not happen.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable.
pub const VARIABLE: &str = "FLOWCAST_FAIL_AT";

/// A named place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A worker has messages and has not claimed their recipients.
    BeforeClaim,
    /// Recipients are claimed, and no byte has left.
    AfterClaim,
    /// The provider answered, and nothing of it is recorded.
    AfterAnswer,
    /// The outcome is committed, and its message is not acknowledged.
    AfterRecord,
    /// The feed has read the next recipients, and none of them is published.
    BeforePublish,
    /// The broker confirmed, and the cursor is not moved.
    AfterPublish,
    /// A batch of a list was read, and the list is not at its end.
    WhileImporting,
    /// A list is committed, and the command has not reported it.
    AfterImport,
    /// An action of a person or program is committed, and nobody has the answer.
    AfterChange,
    /// A webhook endpoint answered, and nothing of it is recorded.
    AfterDelivery,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 10] = [
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::AfterAnswer,
        Self::AfterRecord,
        Self::BeforePublish,
        Self::AfterPublish,
        Self::WhileImporting,
        Self::AfterImport,
        Self::AfterChange,
        Self::AfterDelivery,
    ];

    /// Its name in the variable.
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeClaim => "before_claim",
            Self::AfterClaim => "after_claim",
            Self::AfterAnswer => "after_answer",
            Self::AfterRecord => "after_record",
            Self::BeforePublish => "before_publish",
            Self::AfterPublish => "after_publish",
            Self::WhileImporting => "while_importing",
            Self::AfterImport => "after_import",
            Self::AfterChange => "after_change",
            Self::AfterDelivery => "after_delivery",
        }
    }
}

/// Where the process is to die, and how often it may pass there before.
struct Armed {
    place: Place,
    left: AtomicU64,
}

/// Checks the variable: the place must exist, and a release accepts none. Call it once, early.
pub fn check() -> Result<(), String> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(()),
        Ok(_) if !cfg!(debug_assertions) => {
            Err(format!("{VARIABLE} is set, and this is a release; unset it"))
        }
        Ok(text) => parse(&text).map(drop).ok_or_else(|| {
            let places = Place::ALL.map(Place::word).join(", ");
            format!("{VARIABLE} is '{text}'; write one of {places}, with :3 for the third time")
        }),
    }
}

/// Passes a place, or dies there.
pub fn pass(place: Place) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    if !cfg!(debug_assertions) {
        return;
    }
    let armed = ARMED.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| parse(&text)));
    if let Some(armed) = armed
        && armed.place == place
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        // The process cannot refuse this signal; it is gone before the call returns.
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).ok();
    }
}

fn parse(text: &str) -> Option<Armed> {
    let (word, times) = text.split_once(':').unwrap_or((text, "1"));
    let place = Place::ALL.into_iter().find(|place| place.word() == word)?;
    let left = times.parse().ok().filter(|times| *times > 0)?;
    Some(Armed { place, left: AtomicU64::new(left) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_read_from_its_word() {
        for place in Place::ALL {
            assert_eq!(parse(place.word()).map(|armed| armed.place), Some(place));
        }
        let third = parse("after_claim:3").unwrap();
        assert_eq!((third.place, third.left.into_inner()), (Place::AfterClaim, 3));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "after", "after_claim:", "after_claim:0", "after_claim:x"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
