//! Who must not be written to.

use campaign::{Msisdn, SenderId};
use jiff::Timestamp;

use crate::connection::Store;
use crate::error::Error;

/// Numbers handed to one statement.
const BATCH: usize = 10_000;

/// Why somebody must not be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressionReason {
    /// The person wrote an opt-out word.
    OptedOut,
    /// The provider said so.
    StoppedByUser,
    /// Somebody of ours decided.
    Operator,
}

impl SuppressionReason {
    /// The word it has in the table.
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
    /// Name of the sender that must not; `None` for every sender.
    pub sender: Option<String>,
    /// Why, as a word.
    pub reason: String,
    /// Since when.
    pub added_at: Timestamp,
}

impl Store {
    /// Suppresses these numbers for a sender, or for every one; tells how many were not suppressed before. All or none.
    pub async fn suppress(
        &self,
        numbers: impl Iterator<Item = Msisdn>,
        sender: Option<SenderId>,
        reason: SuppressionReason,
    ) -> Result<u64, Error> {
        let insert = "
            insert into suppression (msisdn, sender_id, reason) select n, $2, $3 from unnest($1::bigint[]) n
            on conflict do nothing";
        let mut client = self.own_client().await?;
        let tx = client.transaction().await?;
        let insert = tx.prepare(insert).await?;
        let (mut numbers, mut added) = (numbers.filter_map(|msisdn| i64::try_from(msisdn.digits()).ok()), 0);
        loop {
            let batch: Vec<i64> = numbers.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            added += tx.execute(&insert, &[&batch, &sender.map(|sender| sender.0), &reason.word()]).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    /// Takes a number off the list of a sender, or off the list for every sender; tells whether it was on it.
    pub async fn unsuppress(&self, msisdn: Msisdn, sender: Option<SenderId>) -> Result<bool, Error> {
        let delete = "delete from suppression where msisdn = $1 and sender_id is not distinct from $2";
        let digits = i64::try_from(msisdn.digits()).map_err(Error::unreadable)?;
        let client = self.client().await?;
        Ok(client.execute(delete, &[&digits, &sender.map(|sender| sender.0)]).await? > 0)
    }

    /// The list, the last ones first, at most so many; and how long it is.
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
                .ok_or_else(|| Error::Unreadable("a suppressed number is none".into()))?;
            Ok(Suppressed { msisdn, sender: row.get(1), reason: row.get(2), added_at: row.get(3) })
        };
        Ok((rows.iter().map(read).collect::<Result<_, Error>>()?, all))
    }
}
