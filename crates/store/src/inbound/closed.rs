//! Campaigns that take no receipts and answers any more: their counts stay as they are.

/// Why a campaign takes no receipts and answers any more.
#[derive(Clone, Copy)]
pub(crate) enum Closed {
    /// Its tables were dropped.
    Archived,
    /// Its personal data was erased; an id or an answer that comes now would be personal data again.
    Erased,
}

impl Closed {
    /// The word under which its receipts are counted.
    pub(crate) fn receipt(self) -> &'static str {
        match self {
            Self::Archived => "receipt_of_archived_campaign",
            Self::Erased => "receipt_of_erased_campaign",
        }
    }

    /// The word under which its answers are counted.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::Archived => "answer_of_archived_campaign",
            Self::Erased => "answer_of_erased_campaign",
        }
    }
}
