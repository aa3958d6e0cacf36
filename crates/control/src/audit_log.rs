//! Reading the audit.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditFilter, AuditRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::page::{Page, PageRequest};

/// A row of the audit: one action of a person or program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Number of the row, without gaps.
    pub audit_id: i64,
    /// Time of the action.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `command`, `account`, `api_key` or `rule`.
    pub actor_kind: String,
    /// User of the command, name of the account, or id of the API key.
    pub actor: String,
    /// The action, such as `campaign.start`.
    pub action: String,
    /// Kind of the object, such as `campaign`.
    pub object_kind: String,
    /// Id or name of the object.
    #[schema(required)]
    pub object: Option<String>,
    /// `done`; `refused`: nothing was changed; `failed`: it may have been done in part.
    pub outcome: String,
    /// The change, without personal data.
    #[schema(value_type = Object)]
    pub details: Value,
    /// Network address of the request; `null` for commands.
    #[schema(value_type = Option<String>, required)]
    pub address: Option<IpAddr>,
    /// Program of the request, as it names itself.
    #[schema(required)]
    pub user_agent: Option<String>,
    /// Id of the request.
    #[schema(value_type = Option<String>, format = "uuid", required)]
    pub request_id: Option<Uuid>,
}

/// Which rows of the audit are read; an empty member selects all.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Rows of this actor.
    pub actor: Option<String>,
    /// Rows of this action.
    pub action: Option<String>,
    /// Rows of this kind of object.
    pub object_kind: Option<String>,
    /// Rows of this object.
    pub object: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        Self {
            audit_id: row.audit_id,
            at: row.at,
            actor_kind: row.actor_kind,
            actor: row.actor,
            action: row.action,
            object_kind: row.object_kind,
            object: row.object,
            outcome: row.outcome,
            details: row.details,
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

impl Control {
    /// Rows of the audit, the newest first.
    pub async fn audit(
        &self,
        caller: &Caller,
        query: &AuditQuery,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAudit, Object::Installation);
        self.act(attempt, async {
            let (limit, before) = (page.limit()?, page.after_id()?);
            let filter = AuditFilter {
                actor: query.actor.as_deref(),
                action: query.action.as_deref(),
                object_kind: query.object_kind.as_deref(),
                object: query.object.as_deref(),
                before,
            };
            let rows = self.store.audit(filter, limit + 1).await?;
            let rows = rows.into_iter().map(AuditView::from).collect();
            Ok((Page::of(rows, limit, |row: &AuditView| row.audit_id.to_string()), Value::Null))
        })
        .await
    }
}
