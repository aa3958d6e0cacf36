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
use crate::lists::numbers::stored;

/// Numbers per statement.
const BATCH: usize = 10_000;

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
    /// Suppresses the people of these numbers for a sender, or for every sender. Returns how many of the numbers were not
    /// suppressed before. All numbers or none are added.
    pub async fn suppress(
        &self,
        numbers: impl Iterator<Item = Msisdn>,
        sender: Option<SenderId>,
        reason: SuppressionReason,
    ) -> Result<u64, Error> {
        let insert = "
            insert into suppression (msisdn, sender_id, reason) select n, $2, $3 from unnest($1::bigint[]) n
            on conflict do nothing returning msisdn";
        let mut client = self.own_client().await?;
        let tx = client.transaction().await?;
        let (insert, linked) = (tx.prepare(insert).await?, tx.prepare(LINKED).await?);
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
        let select = "
            select p.msisdn, s.name, p.reason, p.added_at from suppression p left join sender s on s.id = p.sender_id
            order by p.id desc limit $1";
        let client = self.own_client().await?;
        let rows = client.query(select, &[&i64::from(most)]).await?;
        let all: i64 = client.query_one("select count(*) from suppression", &[]).await?.get(0);
        let read = |row: &tokio_postgres::Row| {
            let digits = u64::try_from(row.get::<_, i64>(0)).ok();
            let msisdn = digits
                .and_then(Msisdn::from_digits)
                .ok_or_else(|| Error::Unreadable("a suppressed phone number without E.164 length".into()))?;
            Ok(Suppressed { msisdn, sender: row.get(1), reason: row.get(2), added_at: row.get(3) })
        };
        Ok((rows.iter().map(read).collect::<Result<_, Error>>()?, all))
    }
}
