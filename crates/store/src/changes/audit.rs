//! The audit: one row per action of a person or program (`migrations/V27__changes.sql`).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Connection;

/// A row to append. It contains no phone numbers, no variables and no message contents.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    /// `command`, `account`, `api_key` or `rule`.
    pub actor_kind: &'a str,
    /// User of the command, name of the account, or id of the API key.
    pub actor: &'a str,
    /// The action, such as `campaign.start`.
    pub action: &'a str,
    /// Kind of the object, such as `campaign`.
    pub object_kind: &'a str,
    /// Id or name of the object.
    pub object: Option<&'a str>,
    /// `done`, `refused` or `failed`.
    pub outcome: &'a str,
    /// The change, as a JSON object.
    pub details: &'a Value,
    /// Network address of the request.
    pub address: Option<IpAddr>,
    /// Program of the request, as it names itself.
    pub user_agent: Option<&'a str>,
    /// Id of the request.
    pub request_id: Option<Uuid>,
}

/// A row of the audit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditRow {
    /// Number of the row, without gaps.
    pub audit_id: i64,
    /// Time of the action.
    pub at: Timestamp,
    /// `command`, `account`, `api_key` or `rule`.
    pub actor_kind: String,
    /// User of the command, name of the account, or id of the API key.
    pub actor: String,
    /// The action.
    pub action: String,
    /// Kind of the object.
    pub object_kind: String,
    /// Id or name of the object.
    pub object: Option<String>,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// The change.
    pub details: Value,
    /// Network address of the request.
    pub address: Option<IpAddr>,
    /// Program of the request.
    pub user_agent: Option<String>,
    /// Id of the request.
    pub request_id: Option<Uuid>,
}

/// Which rows of the audit are read; an empty field selects all.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// Rows of this actor.
    pub actor: Option<&'a str>,
    /// Rows of this action.
    pub action: Option<&'a str>,
    /// Rows of this kind of object.
    pub object_kind: Option<&'a str>,
    /// Rows of this object.
    pub object: Option<&'a str>,
    /// Rows before this row.
    pub before: Option<i64>,
}

/// Appends a row; the trigger adds number, time and hash.
pub(crate) const INSERT: &str = "
insert into audit (actor_kind, actor, action, object_kind, object, outcome, details, address, user_agent, request_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// The parameters of [`INSERT`].
pub(crate) fn values<'a>(entry: &'a AuditEntry<'_>) -> [&'a (dyn ToSql + Sync); 10] {
    [
        &entry.actor_kind,
        &entry.actor,
        &entry.action,
        &entry.object_kind,
        &entry.object,
        &entry.outcome,
        &entry.details,
        &entry.address,
        &entry.user_agent,
        &entry.request_id,
    ]
}

/// Appends a row in the current transaction of this connection.
pub(crate) async fn append(client: &Connection, entry: &AuditEntry<'_>) -> Result<(), Error> {
    client.execute(INSERT, &values(entry)).await?;
    Ok(())
}

impl Store {
    /// Appends a row that belongs to no change: a refused action, or the reading of protected data.
    pub async fn append_audit(&self, entry: &AuditEntry<'_>) -> Result<(), Error> {
        append(&*self.client().await?, entry).await
    }

    /// Rows of the audit, newest first, at most `most`.
    pub async fn audit(&self, filter: AuditFilter<'_>, most: u32) -> Result<Vec<AuditRow>, Error> {
        let select = "
            select audit_id, at, actor_kind, actor, action, object_kind, object, outcome, details, address, user_agent, request_id
            from report.audit
            where coalesce(actor = $1, true) and coalesce(action = $2, true) and coalesce(object_kind = $3, true)
                and coalesce(object = $4, true) and coalesce(audit_id < $5, true)
            order by audit_id desc limit $6";
        let AuditFilter { actor, action, object_kind, object, before } = filter;
        let client = self.client().await?;
        let rows = client
            .query(select, &[&actor, &action, &object_kind, &object, &before, &i64::from(most)])
            .await?;
        Ok(rows
            .iter()
            .map(|row| AuditRow {
                audit_id: row.get(0),
                at: row.get(1),
                actor_kind: row.get(2),
                actor: row.get(3),
                action: row.get(4),
                object_kind: row.get(5),
                object: row.get(6),
                outcome: row.get(7),
                details: row.get(8),
                address: row.get(9),
                user_agent: row.get(10),
                request_id: row.get(11),
            })
            .collect())
    }

    /// The number of the last row of the audit, and its hash in hexadecimal.
    pub async fn last_audit_row(&self) -> Result<Option<(i64, String)>, Error> {
        let select = "select id, encode(hash, 'hex') from audit order by id desc limit 1";
        let row = self.client().await?.query_opt(select, &[]).await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    /// The first row of the audit that was changed or does not follow the row before; `None` if the chain is whole. Reads all
    /// rows.
    pub async fn first_broken_audit_row(&self) -> Result<Option<i64>, Error> {
        Ok(self.own_client().await?.query_one("select first_broken_audit_row()", &[]).await?.get(0))
    }
}
