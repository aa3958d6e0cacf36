//! Jobs as callers see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::JobRow;
use utoipa::ToSchema;

use crate::access::action::Action;

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    Import,
    Retry,
    Resolve,
    Archive,
    Counts,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Check, Self::Import, Self::Retry, Self::Resolve, Self::Archive, Self::Counts];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Import => "import",
            Self::Retry => "retry",
            Self::Resolve => "resolve",
            Self::Archive => "archive",
            Self::Counts => "counts",
        }
    }

    /// The action that begins a job of this kind.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Check => Action::CheckCampaign,
            Self::Import => Action::ImportList,
            Self::Retry => Action::RetryRecipients,
            Self::Resolve => Action::ResolveRecipients,
            Self::Archive => Action::ArchiveCampaign,
            Self::Counts => Action::CheckCounts,
        }
    }

    /// What is left behind by a job of this kind that is given up; `None`: it cannot be given up.
    pub(crate) fn after_giving_up(self) -> Option<&'static str> {
        match self {
            Self::Check | Self::Counts => Some("nothing was changed"),
            Self::Import => Some("nothing was imported"),
            Self::Retry | Self::Resolve => Some("recipients that were processed before stay as they are"),
            // A half-deleted campaign would be of no use.
            Self::Archive => None,
        }
    }

    /// Whether another process can execute the job from its parameters. The list of an import is only on the machine that got it.
    pub(crate) fn can_be_repeated(self) -> bool {
        !matches!(self, Self::Import)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub job_id: i64,
    /// `check`, `import`, `retry`, `resolve`, `archive` or `counts`.
    pub kind: String,
    /// The campaign, if it is about one.
    #[schema(required)]
    pub campaign_id: Option<i64>,
    /// `running`, `done`, `failed` or `interrupted`.
    pub state: String,
    /// Steps that are done: rows of a list, recipients or campaigns.
    pub done: i64,
    /// All steps, if their number is known.
    #[schema(required)]
    pub total: Option<i64>,
    /// The result of a job that is done.
    #[schema(value_type = Option<Object>, required)]
    pub result: Option<Value>,
    /// The kind of the problem of a job that failed or was interrupted.
    #[schema(required)]
    pub problem: Option<String>,
    /// What went wrong, and what to do.
    #[schema(required)]
    pub detail: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub finished_at: Option<Timestamp>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            job_id: row.id,
            kind: row.kind,
            campaign_id: row.campaign.map(|campaign| campaign.0),
            state: row.state,
            done: row.done,
            total: row.total,
            result: row.result,
            problem: row.problem,
            detail: row.detail,
            actor: row.actor,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}
