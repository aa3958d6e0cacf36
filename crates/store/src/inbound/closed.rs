//! Campaigns for which no receipts and answers are stored any more: their counts do not change.

/// Why no receipts and answers of a campaign are stored.
#[derive(Clone, Copy)]
pub(crate) enum Closed {
    /// Its rows are deleted.
    Archived,
    /// Its personal data is erased; an id or an answer would be personal data again.
    Erased,
}

impl Closed {
    /// The kind under which its receipts are counted.
    pub(crate) fn receipt(self) -> &'static str {
        match self {
            Self::Archived => "receipt_of_archived_campaign",
            Self::Erased => "receipt_of_erased_campaign",
        }
    }

    /// The kind under which its answers are counted.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::Archived => "answer_of_archived_campaign",
            Self::Erased => "answer_of_erased_campaign",
        }
    }
}
