//! Rights: what a caller may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See campaigns, progress, reports and senders.
    View,
    /// See recipients, with masked phone numbers.
    ViewRecipients,
    /// See flow answers.
    ViewAnswers,
    /// See and download whole phone numbers. No role includes it; it is given to an account or key.
    Numbers,
    /// Create, edit and delete drafts, import lists, check and preview; add flows and templates.
    Prepare,
    /// Send a test message to a number.
    Test,
    /// Start, pause, resume and end campaigns; retry failed and resolve unconfirmed recipients.
    Send,
    /// Add numbers to the suppression list, and look up a number.
    Suppress,
    /// List the suppression list, remove numbers from it, and import it.
    Unsuppress,
    /// Hold and resume a sender, and probe it now.
    HoldSenders,
    /// Add and change senders: rate, daily cap, webhook.
    ManageSenders,
    /// Replace price lists.
    ManagePrices,
    /// See producers, workers, queues and dead letters; redrive dead letters; compare counters.
    Operate,
    /// Archive campaigns, run retention, erase numbers.
    Erase,
    /// Manage accounts, their roles, and the API keys and sessions of all accounts.
    ManageAccounts,
    /// Manage endpoints of outgoing webhooks.
    ManageWebhooks,
    /// See the audit of all accounts.
    ViewAudit,
}

impl Right {
    /// All rights.
    pub const ALL: [Self; 17] = [
        Self::View,
        Self::ViewRecipients,
        Self::ViewAnswers,
        Self::Numbers,
        Self::Prepare,
        Self::Test,
        Self::Send,
        Self::Suppress,
        Self::Unsuppress,
        Self::HoldSenders,
        Self::ManageSenders,
        Self::ManagePrices,
        Self::Operate,
        Self::Erase,
        Self::ManageAccounts,
        Self::ManageWebhooks,
        Self::ViewAudit,
    ];

    /// What the right allows, as the end of "you may not …".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::View => "see campaigns and senders",
            Self::ViewRecipients => "see recipients",
            Self::ViewAnswers => "see answers",
            Self::Numbers => "see or download phone numbers",
            Self::Prepare => "prepare campaigns and import lists",
            Self::Test => "send test messages",
            Self::Send => "start, pause, resume or end campaigns",
            Self::Suppress => "add numbers to the suppression list",
            Self::Unsuppress => "list, remove or import numbers of the suppression list",
            Self::HoldSenders => "hold or resume senders",
            Self::ManageSenders => "add or change senders",
            Self::ManagePrices => "change price lists",
            Self::Operate => "operate producers, workers and queues",
            Self::Erase => "archive campaigns or erase data",
            Self::ManageAccounts => "manage accounts",
            Self::ManageWebhooks => "manage webhook endpoints",
            Self::ViewAudit => "see the audit of other accounts",
        }
    }
}

/// A set of rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights(BTreeSet<Right>);

impl Rights {
    /// All rights, for a command of an operator.
    pub fn all() -> Self {
        Self(Right::ALL.into())
    }

    /// Whether this right is included.
    pub fn has(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    /// These rights and one more.
    #[must_use]
    pub fn and(mut self, right: Right) -> Self {
        self.0.insert(right);
        self
    }

    /// These rights except one.
    #[must_use]
    pub fn without(mut self, right: Right) -> Self {
        self.0.remove(&right);
        self
    }

    /// The rights that both have.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether all rights of `other` are included.
    pub fn include(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<T: IntoIterator<Item = Right>>(rights: T) -> Self {
        Self(rights.into_iter().collect())
    }
}
