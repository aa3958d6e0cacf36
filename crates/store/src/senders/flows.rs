//! Flows of senders, as people uploaded them.

use campaign::SenderId;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A known flow without its Flow JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// The name of its sender.
    pub sender: String,
    /// The id at the provider.
    pub flow_id: String,
    /// The name that people gave it.
    pub name: String,
    /// Id and title of each screen: `[{"id": …, "title": …}]`.
    pub screens: Value,
    /// When it was added or replaced.
    pub updated_at: Timestamp,
    /// The actor that added or replaced it.
    pub updated_by: String,
}

/// A flow to add or replace.
#[derive(Clone, Debug)]
pub struct NewFlow<'a> {
    /// The id at the provider.
    pub flow_id: &'a str,
    /// The name.
    pub name: &'a str,
    /// The Flow JSON, which was parsed.
    pub flow_json: &'a str,
    /// Id and title of each screen.
    pub screens: Value,
    /// The actor.
    pub updated_by: &'a str,
}

fn read(row: &Row) -> FlowRow {
    FlowRow {
        sender: row.get("sender"),
        flow_id: row.get("flow_id"),
        name: row.get("name"),
        screens: row.get("screens"),
        updated_at: row.get("updated_at"),
        updated_by: row.get("updated_by"),
    }
}

impl Store {
    /// Adds a flow to a sender, or replaces the one with this id.
    pub async fn set_flow(&self, sender: SenderId, new: &NewFlow<'_>) -> Result<(), Error> {
        let upsert = "
            insert into flow (sender_id, flow_id, name, flow_json, screens, updated_by) values ($1, $2, $3, $4, $5, $6)
            on conflict (sender_id, flow_id) do update set name = excluded.name, flow_json = excluded.flow_json,
                screens = excluded.screens, updated_at = clock_timestamp(), updated_by = excluded.updated_by";
        let NewFlow { flow_id, name, flow_json, screens, updated_by } = new;
        let client = self.client().await?;
        client.execute(upsert, &[&sender.0, flow_id, name, flow_json, screens, updated_by]).await?;
        Ok(())
    }

    /// Flows of a sender after this id, by id.
    pub async fn flows(&self, sender: SenderId, after: &str, limit: i64) -> Result<Vec<FlowRow>, Error> {
        let select = "
            select s.name as sender, f.flow_id, f.name, f.screens, f.updated_at, f.updated_by
            from flow f join sender s on s.id = f.sender_id
            where f.sender_id = $1 and f.flow_id > $2 order by f.flow_id limit $3";
        let rows = self.client().await?.query(select, &[&sender.0, &after, &limit]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Flows of all senders, by sender and name; at most this many.
    pub async fn all_flows(&self, limit: i64) -> Result<Vec<FlowRow>, Error> {
        let select = "
            select s.name as sender, f.flow_id, f.name, f.screens, f.updated_at, f.updated_by
            from flow f join sender s on s.id = f.sender_id order by s.name, f.name, f.flow_id limit $1";
        Ok(self.client().await?.query(select, &[&limit]).await?.iter().map(read).collect())
    }

    /// A flow of a sender with its Flow JSON.
    pub async fn flow(&self, sender: SenderId, flow_id: &str) -> Result<Option<(FlowRow, String)>, Error> {
        let select = "
            select s.name as sender, f.flow_id, f.name, f.screens, f.updated_at, f.updated_by, f.flow_json
            from flow f join sender s on s.id = f.sender_id where f.sender_id = $1 and f.flow_id = $2";
        let row = self.client().await?.query_opt(select, &[&sender.0, &flow_id]).await?;
        Ok(row.map(|row| (read(&row), row.get("flow_json"))))
    }

    /// Removes a flow; returns whether there was one.
    pub async fn remove_flow(&self, sender: SenderId, flow_id: &str) -> Result<bool, Error> {
        let delete = "delete from flow where sender_id = $1 and flow_id = $2";
        Ok(self.client().await?.execute(delete, &[&sender.0, &flow_id]).await? > 0)
    }
}
