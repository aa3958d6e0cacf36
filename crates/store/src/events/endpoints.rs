//! Webhook endpoints: addresses of the customer that receive events.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::db::connection::Store;
use crate::db::error::Error;

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The kinds of events that it receives; `None`: all.
    pub events: Option<Vec<String>>,
    /// The number of its secret, from 1.
    pub generation: i32,
    /// When the secret was renewed last.
    pub renewed_at: Option<Timestamp>,
    /// The actor that added it.
    pub created_by: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Why it was disabled: `gone` (it answered 410), `failing` (for 5 days) or `operator`.
    pub disabled_reason: Option<String>,
    /// The first failed attempt since the last success.
    pub failing_since: Option<Timestamp>,
    /// Deliveries that are due, now or later.
    pub due: i64,
}

/// What changes of an endpoint; `None` keeps the present value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange<'a> {
    /// The address.
    pub url: Option<&'a str>,
    /// The kinds of events; `Some(None)`: all.
    pub events: Option<Option<&'a [String]>>,
    /// Whether events are delivered to it.
    pub is_enabled: Option<bool>,
}

const SELECT: &str = "
select w.id, w.name, w.url, w.events, w.generation, w.renewed_at, w.created_by, w.created_at, w.disabled_at, w.disabled_reason,
    w.failing_since, (select count(*) from webhook_delivery d where d.endpoint_id = w.id and d.state = 'due') as due
from webhook_endpoint w";

fn read(row: &Row) -> EndpointRow {
    EndpointRow {
        id: row.get("id"),
        name: row.get("name"),
        url: row.get("url"),
        events: row.get("events"),
        generation: row.get("generation"),
        renewed_at: row.get("renewed_at"),
        created_by: row.get("created_by"),
        created_at: row.get("created_at"),
        disabled_at: row.get("disabled_at"),
        disabled_reason: row.get("disabled_reason"),
        failing_since: row.get("failing_since"),
        due: row.get("due"),
    }
}

fn refused(name: &str, error: tokio_postgres::Error) -> Error {
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => {
            Error::Conflict(format!("webhook endpoint '{name}' exists already; choose another name"))
        }
        Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(
            "the webhook endpoint cannot be stored: it needs a name of 1 to 100 characters, an address of at most 2,000 \
             characters, and at least one kind of event if the kinds are limited"
                .into(),
        ),
        _ => error.into(),
    }
}

impl Store {
    /// Adds an endpoint. It receives events from now on.
    pub async fn add_endpoint(
        &self,
        name: &str,
        url: &str,
        events: Option<&[String]>,
        created_by: &str,
    ) -> Result<EndpointRow, Error> {
        let insert = "insert into webhook_endpoint (name, url, events, created_by) values ($1, $2, $3, $4)";
        let added = self.client().await?.execute(insert, &[&name, &url, &events, &created_by]).await;
        added.map_err(|error| refused(name, error))?;
        self.endpoint(name).await
    }

    /// All endpoints, by name.
    pub async fn endpoints(&self) -> Result<Vec<EndpointRow>, Error> {
        let select = format!("{SELECT} order by lower(w.name)");
        Ok(self.client().await?.query(&select, &[]).await?.iter().map(read).collect())
    }

    /// The endpoint of this name.
    pub async fn endpoint(&self, name: &str) -> Result<EndpointRow, Error> {
        let select = format!("{SELECT} where lower(w.name) = lower($1)");
        let row = self.client().await?.query_opt(&select, &[&name]).await?;
        row.as_ref().map(read).ok_or_else(|| Error::no_endpoint(name))
    }

    /// Changes an endpoint. An endpoint that is enabled again counts as not failing; its due deliveries are attempted again.
    pub async fn change_endpoint(
        &self,
        name: &str,
        change: &EndpointChange<'_>,
    ) -> Result<EndpointRow, Error> {
        let update = "
            update webhook_endpoint
            set url = coalesce($2, url), events = case when $3 then $4 else events end,
                disabled_at = case $5::boolean when true then null when false then coalesce(disabled_at, clock_timestamp())
                    else disabled_at end,
                disabled_reason = case $5::boolean when true then null when false then coalesce(disabled_reason, 'operator')
                    else disabled_reason end,
                failing_since = case when $5::boolean then null else failing_since end
            where lower(name) = lower($1)";
        let EndpointChange { url, events, is_enabled } = change;
        let (has_events, events) = (events.is_some(), events.flatten());
        let client = self.client().await?;
        let changed = client.execute(update, &[&name, url, &has_events, &events, is_enabled]).await;
        changed.map_err(|error| refused(name, error))?;
        drop(client);
        self.endpoint(name).await
    }

    /// Begins a new generation of the secret. For a day, deliveries are signed with the secret before as well.
    pub async fn renew_endpoint(&self, name: &str) -> Result<EndpointRow, Error> {
        let update = "
            update webhook_endpoint set generation = generation + 1, renewed_at = clock_timestamp()
            where lower(name) = lower($1)";
        self.client().await?.execute(update, &[&name]).await?;
        self.endpoint(name).await
    }

    /// Removes an endpoint with its deliveries.
    pub async fn remove_endpoint(&self, name: &str) -> Result<EndpointRow, Error> {
        let endpoint = self.endpoint(name).await?;
        let delete = "delete from webhook_endpoint where id = $1";
        self.client().await?.execute(delete, &[&endpoint.id]).await?;
        Ok(endpoint)
    }

    /// Writes the event `test.ping` for one endpoint; returns its number.
    pub async fn ping_endpoint(&self, name: &str) -> Result<i64, Error> {
        let endpoint = self.endpoint(name).await?;
        if endpoint.disabled_at.is_some() {
            return Err(Error::Conflict(format!(
                "webhook endpoint '{}' is disabled; enable it with 'flowcast webhook-endpoint set {0} --enabled true'",
                endpoint.name
            )));
        }
        let insert = "
            insert into event (kind, data, endpoint_id) values ('test.ping', jsonb_build_object('endpoint', $2::text), $1)
            returning id";
        Ok(self.client().await?.query_one(insert, &[&endpoint.id, &endpoint.name]).await?.get(0))
    }
}
