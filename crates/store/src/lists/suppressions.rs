//! The suppression list: people that must not be sent to.
//!
//! A person is listed under every known number (`inbound/people.rs`), so that a claim compares one number.

use std::collections::{BTreeSet, HashSet};

use campaign::{Msisdn, SenderId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::lists::aliases::{LINKED, Linked};
use crate::lists::numbers::{read, stored};

/// Numbers per statement.
const BATCH: usize = 10_000;

/// Suppresses numbers `$1` for sender `$2` for reason `$3`. Returns the numbers that were not suppressed before.
const INSERT: &str = "
insert into suppression (msisdn, sender_id, reason) select n, $2, $3 from unnest($1::bigint[]) n
on conflict do nothing returning msisdn";

const SELECT: &str = "
select p.id, p.msisdn, s.name, p.reason, p.added_at from suppression p left join sender s on s.id = p.sender_id";

/// The reason of a suppression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressionReason {
    /// The person wrote an opt-out word.
    OptedOut,
    /// The provider reported that the person stopped us.
    StoppedByUser,
    /// An operator decided.
    Operator,
}

impl SuppressionReason {
    /// The value in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::StoppedByUser => "stopped_by_user",
            Self::Operator => "operator",
        }
    }
}

/// A number on the suppression list.
#[derive(Clone, Debug)]
pub struct Suppressed {
    /// The id of the entry.
    pub id: i64,
    /// The number.
    pub msisdn: Msisdn,
    /// Name of the sender; `None`: every sender.
    pub sender: Option<String>,
    /// The reason, as stored.
    pub reason: String,
    /// Time of the suppression.
    pub added_at: Timestamp,
}

impl Store {
    /// Suppresses the person of a number for a sender, or for every sender. Returns whether the number was not suppressed before.
    pub async fn suppress_number(
        &self,
        msisdn: Msisdn,
        sender: Option<SenderId>,
        reason: SuppressionReason,
    ) -> Result<bool, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let linked = Linked::of(&tx, std::iter::once(msisdn)).await?;
        let all: Vec<i64> = linked.numbers(msisdn).into_iter().filter_map(stored).collect();
        let rows = tx.query(INSERT, &[&all, &sender.map(|sender| sender.0), &reason.word()]).await?;
        tx.commit().await?;
        Ok(rows.iter().any(|row| Some(row.get::<_, i64>(0)) == stored(msisdn)))
    }

    /// Suppresses the people of these numbers for a sender, or for every sender. Returns how many of the numbers were not
    /// suppressed before. All numbers or none are added.
    pub async fn suppress(
        &self,
        numbers: impl Iterator<Item = Msisdn>,
        sender: Option<SenderId>,
        reason: SuppressionReason,
    ) -> Result<u64, Error> {
        let mut client = self.own_client().await?;
        let tx = client.transaction().await?;
        let (insert, linked) = (tx.prepare(INSERT).await?, tx.prepare(LINKED).await?);
        let (mut numbers, mut added) = (numbers, 0);
        loop {
            let batch: Vec<Msisdn> = numbers.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let people: Vec<i64> = batch.iter().filter_map(|number| stored(number.person())).collect();
            let linked = Linked::read(&tx.query(&linked, &[&people]).await?);
            let all: BTreeSet<i64> =
                batch.iter().flat_map(|number| linked.numbers(*number)).filter_map(stored).collect();
            let all: Vec<i64> = all.into_iter().collect();
            let parameters: [&(dyn ToSql + Sync); 3] = [&all, &sender.map(|sender| sender.0), &reason.word()];
            let named: HashSet<i64> = batch.iter().copied().filter_map(stored).collect();
            let rows = tx.query(&insert, &parameters).await?;
            added += rows.iter().filter(|row| named.contains(&row.get::<_, i64>(0))).count() as u64;
        }
        tx.commit().await?;
        Ok(added)
    }

    /// Removes the person of a number from the list of a sender, or from the list for every sender. Returns whether the person
    /// was listed.
    pub async fn unsuppress(&self, msisdn: Msisdn, sender: Option<SenderId>) -> Result<bool, Error> {
        let delete = "delete from suppression where msisdn = any($1) and sender_id is not distinct from $2";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let linked = Linked::of(&tx, std::iter::once(msisdn)).await?;
        let all: Vec<i64> = linked.numbers(msisdn).into_iter().filter_map(stored).collect();
        let removed = tx.execute(delete, &[&all, &sender.map(|sender| sender.0)]).await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    /// The newest entries of the list, at most `most`, and the length of the list.
    pub async fn suppressed(&self, most: u32) -> Result<(Vec<Suppressed>, i64), Error> {
        let select = format!("{SELECT} order by p.id desc limit $1");
        let client = self.own_client().await?;
        let rows = client.query(&select, &[&i64::from(most)]).await?;
        let all: i64 = client.query_one("select count(*) from suppression", &[]).await?.get(0);
        Ok((rows.iter().map(entry).collect::<Result<_, Error>>()?, all))
    }

    /// The number of entries. With `senders`, only entries of these senders and entries for every sender.
    pub async fn suppression_count(&self, senders: Option<&[String]>) -> Result<i64, Error> {
        let select = "
            select count(*) from suppression p left join sender s on s.id = p.sender_id
            where coalesce(s.name is null or s.name = any($1), true)";
        Ok(self.client().await?.query_one(select, &[&senders]).await?.get(0))
    }

    /// Entries with a lower id than `before`, the highest id first, at most `limit`. With `senders`, only entries of these
    /// senders and entries for every sender.
    pub async fn suppression_page(
        &self,
        before: Option<i64>,
        limit: u32,
        senders: Option<&[String]>,
    ) -> Result<Vec<Suppressed>, Error> {
        let select = format!(
            "{SELECT} where p.id < $1 and coalesce(s.name is null or s.name = any($3), true) order by p.id desc limit $2"
        );
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let rows = self.client().await?.query(&select, &[&before, &limit, &senders]).await?;
        rows.iter().map(entry).collect()
    }

    /// The entry with this id.
    pub async fn suppression(&self, id: i64) -> Result<Option<Suppressed>, Error> {
        let select = format!("{SELECT} where p.id = $1");
        self.client().await?.query_opt(&select, &[&id]).await?.as_ref().map(entry).transpose()
    }

    /// The entries of this number: for each sender, and for every sender.
    pub async fn suppressions_of(&self, msisdn: Msisdn) -> Result<Vec<Suppressed>, Error> {
        let select = format!("{SELECT} where p.msisdn = $1 order by p.id");
        let rows = self.client().await?.query(&select, &[&stored(msisdn)]).await?;
        rows.iter().map(entry).collect()
    }
}

fn entry(row: &tokio_postgres::Row) -> Result<Suppressed, Error> {
    let msisdn = read(row.get(1))
        .ok_or_else(|| Error::Unreadable("a suppressed phone number without E.164 length".into()))?;
    Ok(Suppressed { id: row.get(0), msisdn, sender: row.get(2), reason: row.get(3), added_at: row.get(4) })
}
