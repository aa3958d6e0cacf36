//! Which recipients of a campaign are listed: the word in the address, and the label.

use campaign::RecipientState;
use control::RecipientKind;

use crate::words::recipient;

/// All kinds.
pub(crate) const ALL: [RecipientKind; 13] = [
    RecipientKind::In(RecipientState::Pending),
    RecipientKind::In(RecipientState::Sending),
    RecipientKind::In(RecipientState::Retry),
    RecipientKind::In(RecipientState::Accepted),
    RecipientKind::Delivered,
    RecipientKind::Read,
    RecipientKind::Answered,
    RecipientKind::Undelivered,
    RecipientKind::In(RecipientState::Failed),
    RecipientKind::In(RecipientState::Unknown),
    RecipientKind::In(RecipientState::Skipped),
    RecipientKind::In(RecipientState::Expired),
    RecipientKind::In(RecipientState::Cancelled),
];

/// The word in the address.
pub(crate) fn word(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::In(state) => state.word(),
        RecipientKind::Delivered => "delivered",
        RecipientKind::Read => "read",
        RecipientKind::Undelivered => "undelivered",
        RecipientKind::Answered => "answered",
    }
}

/// The kind of this word.
pub(crate) fn of(word: &str) -> Option<RecipientKind> {
    ALL.into_iter().find(|kind| self::word(*kind) == word)
}

/// The label.
pub(crate) fn label(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::In(state) => recipient::label(state),
        RecipientKind::Delivered => "Delivered",
        RecipientKind::Read => "Read",
        RecipientKind::Undelivered => "Undelivered",
        RecipientKind::Answered => "Answered",
    }
}

/// The address of the recipients of a kind.
pub(crate) fn address(campaign: i64, kind: RecipientKind) -> String {
    format!("/campaigns/{campaign}/recipients?state={}", word(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_a_kind_and_its_word_is_read_back() {
        for state in RecipientState::ALL {
            assert!(ALL.contains(&RecipientKind::In(*state)), "{state:?}");
        }
        for kind in ALL {
            assert_eq!(of(word(kind)), Some(kind));
        }
        assert_eq!(of("all"), None);
    }
}
