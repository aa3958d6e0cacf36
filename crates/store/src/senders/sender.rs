//! Senders and their gates.

use campaign::{Provider, Rate, ReferenceKey, SenderId};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::senders::rate::{LONGEST, MAX_AHEAD, rate_columns, rate_of};

/// A new sender.
#[derive(Clone, Debug)]
pub struct NewSender {
    /// Its name in commands and campaign files: `[a-z0-9_-]`.
    pub name: String,
    /// The provider.
    pub provider: Provider,
    /// Address of the provider's API.
    pub base_url: String,
    /// Account id at the provider (Kaleyra: SID).
    pub account: Option<String>,
    /// The business phone number, digits only.
    pub number: String,
    /// Reference to the API key: `env:NAME` or `file:PATH`.
    pub api_key_ref: String,
    /// Its rate; `None`: no limit.
    pub rate: Option<Rate>,
    /// Maximum number of recipients per day.
    pub daily_cap: Option<DailyCap>,
}

/// The maximum number of recipients per day; only recipients that are sent to for the first time in their campaign count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyCap {
    /// Recipients per day.
    pub recipients: u32,
    /// The time zone whose midnight begins a day, such as `Africa/Nairobi`.
    pub zone: String,
}

/// A sender with its current settings.
#[derive(Clone, Debug)]
pub struct SenderRow {
    /// Its id.
    pub id: SenderId,
    /// Its name.
    pub name: String,
    /// The provider.
    pub provider: Provider,
    /// Address of the provider's API.
    pub base_url: String,
    /// Account id at the provider.
    pub account: Option<String>,
    /// The business phone number, digits only.
    pub number: String,
    /// Reference to the API key.
    pub api_key_ref: String,
    /// Whether the number in a path has a `+` (Kaleyra).
    pub plus_in_path: bool,
    /// The version of the Graph API (Meta); `None`: the version that the program was built for.
    pub api_version: Option<String>,
    /// Its rate; `None`: no limit.
    pub rate: Option<Rate>,
    /// Maximum number of recipients per day.
    pub daily_cap: Option<DailyCap>,
    /// Recipients that it sent to today, if there is a daily cap.
    pub used_today: u32,
    /// Whether its gate is open.
    pub is_open: bool,
}

const SELECT: &str = "
select s.id, s.name, s.provider, s.base_url, s.account, s.number, s.api_key_ref, s.plus_in_path, s.api_version, g.is_open, g.permits, g.per_us, g.burst,
    g.daily_cap, g.day_zone, case when g.day = day_now(g.day_zone) then g.day_used else 0 end as used_today
from sender s join sender_gate g on g.sender_id = s.id";

impl Store {
    /// Adds a sender with an open gate.
    pub async fn add_sender(&self, new: &NewSender) -> Result<SenderId, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let insert = "
            insert into sender (name, provider, base_url, account, number, api_key_ref)
            values ($1, $2, $3, $4, $5, $6) returning id";
        let provider = new.provider.word();
        let row = tx
            .query_one(
                insert,
                &[&new.name, &provider, &new.base_url, &new.account, &new.number, &new.api_key_ref],
            )
            .await
            .map_err(|error| match error.code() {
                Some(&SqlState::UNIQUE_VIOLATION) => {
                    Error::Conflict(format!("sender '{}' exists already; choose another name", new.name))
                }
                Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(format!(
                    "sender '{}' cannot be added: use a-z, 0-9, - and _ in the name, and only digits in the number",
                    new.name
                )),
                _ => error.into(),
            })?;
        let id: i64 = row.get(0);
        let (permits, per_us, burst) = rate_columns(new.rate);
        let gate = "insert into sender_gate (sender_id, permits, per_us, burst) values ($1, $2, $3, $4)";
        tx.execute(gate, &[&id, &permits, &per_us, &burst]).await?;
        if let Some(cap) = &new.daily_cap {
            cap_daily(&tx, SenderId(id), Some(cap)).await?;
        }
        tx.execute("insert into sender_feed (sender_id) values ($1)", &[&id]).await?;
        tx.execute("insert into claim_lock (sender_id) values ($1)", &[&id]).await?;
        tx.execute("insert into webhook (sender_id) values ($1)", &[&id]).await?;
        tx.commit().await?;
        Ok(SenderId(id))
    }

    /// Every sender, by name.
    pub async fn senders(&self) -> Result<Vec<SenderRow>, Error> {
        let rows = self.client().await?.query(&format!("{SELECT} order by s.name"), &[]).await?;
        rows.iter().map(read).collect()
    }

    /// The sender of this name.
    pub async fn sender(&self, name: &str) -> Result<SenderRow, Error> {
        // PostgreSQL refuses a text with this character.
        if name.contains('\0') {
            return Err(Error::no_sender(name));
        }
        let row = self.client().await?.query_opt(&format!("{SELECT} where s.name = $1"), &[&name]).await?;
        read(&row.ok_or_else(|| Error::no_sender(name))?)
    }

    /// Stores how the sender reaches its provider: base URL, account, number, reference to the key, version and plus in the path. Name,
    /// provider, rate and cap stay. Workers use it within seconds.
    pub async fn correct_sender(&self, sender: &SenderRow) -> Result<(), Error> {
        let update = "
            update sender set base_url = $2, account = $3, number = $4, api_key_ref = $5, plus_in_path = $6, api_version = $7
            where id = $1";
        let SenderRow { id, base_url, account, number, api_key_ref, plus_in_path, api_version, .. } = sender;
        let client = self.client().await?;
        let values: [&(dyn ToSql + Sync); 7] =
            [&id.0, base_url, account, number, api_key_ref, plus_in_path, api_version];
        client.execute(update, &values).await.map_err(|error| match error.code() {
            Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(format!(
                "sender '{}' cannot be changed: use only digits in the number, and a version like v23.0",
                sender.name
            )),
            _ => error.into(),
        })?;
        Ok(())
    }

    /// Sets the rate of a sender. Workers use the new rate from their next claim; departure slots that are faster than a lower
    /// rate are leased again (`gate_watch.rs`).
    ///
    /// The next slot begins one slot of the new rate after the beginning of the last leased slot. The row contains the end of
    /// that slot, at the rate at which it was leased: the old rate or, after a throttle answer, a lower rate. The last leased
    /// slot begins at most `MAX_AHEAD` + `LONGEST` from now, so the beginning is limited to that.
    pub async fn set_rate(&self, sender: SenderId, rate: Option<Rate>) -> Result<(), Error> {
        let (permits, per_us, burst) = rate_columns(rate);
        let update = format!(
            "update sender_gate
            set tat = time_of(1, $2, $3) + least(
                    tat - time_of(1, permits, per_us), clock_timestamp() + {MAX_AHEAD} + {LONGEST}),
                permits = $2, per_us = $3, burst = $4
            where sender_id = $1"
        );
        self.client().await?.execute(&update, &[&sender.0, &permits, &per_us, &burst]).await?;
        Ok(())
    }

    /// Sets the daily cap of a sender, which applies from the next claim. A cap that is already used up stops the sender for the
    /// rest of the day.
    pub async fn set_daily_cap(&self, sender: SenderId, cap: Option<&DailyCap>) -> Result<(), Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        cap_daily(&tx, sender, cap).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The key of this installation for references to recipients.
    pub async fn reference_key(&self) -> Result<ReferenceKey, Error> {
        let row = self.client().await?.query_one("select reference_key from installation", &[]).await?;
        let key: &[u8] = row.get(0);
        Ok(ReferenceKey::new(key.try_into().map_err(Error::unreadable)?))
    }
}

async fn cap_daily(tx: &Transaction<'_>, sender: SenderId, cap: Option<&DailyCap>) -> Result<(), Error> {
    let update = "
        with capped as (
            update sender_gate g
            set daily_cap = $2, day_zone = coalesce($3, day_zone),
                is_open = is_open and not coalesce(day = day_now(coalesce($3, day_zone)) and day_used >= $2, false)
            where sender_id = $1 returning sender_id, is_open, day_zone
        )
        insert into hold (sender_id, reason, detail, until, caused_by)
        select sender_id, 'daily_cap', format('%s recipients a day', $2::int),
            (day_now(day_zone) + 1)::timestamp at time zone day_zone, 'the daily cap'
        from capped where not is_open
        on conflict (sender_id) where campaign_id is null and ended_at is null do nothing";
    let recipients = cap.map(|cap| i32::try_from(cap.recipients).unwrap_or(i32::MAX));
    let zone = cap.map(|cap| cap.zone.as_str());
    tx.execute(update, &[&sender.0, &recipients, &zone]).await.map_err(|error| match error.code() {
        Some(&SqlState::INVALID_PARAMETER_VALUE) => {
            Error::Invalid(format!("'{}' is no time zone; write one like Africa/Nairobi", zone.unwrap_or("")))
        }
        Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(
            "a daily cap is at least 1 recipient; to stop a sender, use 'flowcast sender hold'".into(),
        ),
        _ => error.into(),
    })?;
    Ok(())
}

fn read(row: &Row) -> Result<SenderRow, Error> {
    Ok(SenderRow {
        id: SenderId(row.get("id")),
        name: row.get("name"),
        provider: row.get::<_, &str>("provider").parse().map_err(Error::unreadable)?,
        base_url: row.get("base_url"),
        account: row.get("account"),
        number: row.get("number"),
        api_key_ref: row.get("api_key_ref"),
        plus_in_path: row.get("plus_in_path"),
        api_version: row.get("api_version"),
        rate: rate_of(row.get("permits"), row.get("per_us"), row.get("burst")),
        daily_cap: row.get::<_, Option<i32>>("daily_cap").map(|recipients| DailyCap {
            recipients: u32::try_from(recipients).unwrap_or(0),
            zone: row.get("day_zone"),
        }),
        used_today: u32::try_from(row.get::<_, i32>("used_today")).unwrap_or(0),
        is_open: row.get("is_open"),
    })
}
