//! What follows when the database is not the confirmed one: producers hold all senders, and a person confirms the database (or a
//! rule, see `trust`).
//!
//! **Invariants.** No claim is granted before the confirmation, even if a gate is open: the claims compare the database themselves
//! (`sending`). The row of `installation` is locked before gates and holds, so a hold never follows the confirmation that ends its cause.

use campaign::{SenderId, StopReason};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::identity::{DatabaseDifference, DatabaseState, RECORDING_LOCK, is_confirmed};
use crate::db::pool::{Connection, Transaction};

/// The cause of the holds.
const BY: &str = "the producer";

/// Ids that the lost database may have used for claims and campaigns are left out. The tables of the next volume exist, and it is
/// longer than the ids that are left out.
const SKIP_IDS: &str = "
    select setval('claim_id_seq', (select last_value from claim_id_seq) + 1000000000),
        setval('campaign_id_seq', (select last_value from campaign_id_seq) + 100)";

/// The next failover is another one.
const FORGET: &str =
    "update live_worker set recorded_again_at = null, recorded_again = null, knows_since = null";

const LOCK: &str = "select from installation for update";

/// The result of confirming the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedDatabase {
    /// Whether it was confirmed before, so that nothing was changed.
    pub was_confirmed: bool,
    /// Senders that are held because of the difference, by name.
    pub held: Vec<(SenderId, String)>,
}

impl Store {
    /// Holds all senders that are open or would open by themselves, if the database is not the confirmed one. Returns how many
    /// were held now; `None`: the database is the confirmed one.
    pub async fn hold_after_failover(&self) -> Result<Option<u64>, Error> {
        let mut client = self.client().await?;
        if is_confirmed(&client).await? {
            return Ok(None);
        }
        let tx = client.transaction().await?;
        tx.execute(LOCK, &[]).await?;
        let state = DatabaseState::read(&tx).await?;
        if state.is_confirmed {
            return Ok(None);
        }
        let note = "
            update installation set difference_seen_at = clock_timestamp() where difference_seen_at is null";
        tx.execute(note, &[]).await?;
        let held = hold_all(&tx, &texts(&state)).await?;
        tx.commit().await?;
        Ok(Some(held))
    }

    /// Confirms the database of this connection. Slots that the lost database may have granted have passed, and no id of it is used
    /// again. Senders stay held.
    pub async fn confirm_database(&self, by: &str) -> Result<ConfirmedDatabase, Error> {
        let confirm = "
            update installation i
            set (system_identifier, timeline, database_id) =
                    (select n.system_identifier, n.timeline, n.database_id from database_now() n),
                table_id = i.tableoid, confirmed_at = clock_timestamp(), confirmed_by = $1, difference_seen_at = null";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(LOCK, &[]).await?;
        let state = DatabaseState::read(&tx).await?;
        if state.is_standby {
            let says = "the server is a standby, which takes no writes; let DATABASE_URL lead to the primary";
            return Err(Error::Conflict(says.into()));
        }
        if !state.is_confirmed {
            // Workers that record outcomes again end first.
            tx.execute(&format!("select pg_advisory_xact_lock({RECORDING_LOCK})"), &[]).await?;
            tx.execute(confirm, &[&by]).await?;
            tx.execute(FORGET, &[]).await?;
            tx.execute(SKIP_IDS, &[]).await?;
            let no_early_slot = "update {} set tat = greatest(tat, clock_timestamp())";
            // In the order of the claims.
            for gates in ["campaign_gate", "sender_gate"] {
                tx.execute(no_early_slot.replace("{}", gates).as_str(), &[]).await?;
            }
        }
        let held = held(&tx).await?;
        tx.commit().await?;
        Ok(ConfirmedDatabase { was_confirmed: state.is_confirmed, held })
    }

    /// Senders that are held because the database was not the confirmed one, by name.
    pub async fn senders_held_after_failover(&self) -> Result<Vec<(SenderId, String)>, Error> {
        let client = self.client().await?;
        held(&client).await
    }
}

fn texts(state: &DatabaseState) -> String {
    let texts: Vec<&str> = state.differences().into_iter().map(DatabaseDifference::text).collect();
    texts.join("; ")
}

async fn held(client: &Connection) -> Result<Vec<(SenderId, String)>, Error> {
    let select = "
        select s.id, s.name from hold h join sender s on s.id = h.sender_id
        where h.campaign_id is null and h.ended_at is null and h.reason = $1 order by s.name";
    let rows = client.query(select, &[&StopReason::DatabaseFailedOver.word()]).await?;
    Ok(rows.iter().map(|row| (SenderId(row.get(0)), row.get(1))).collect())
}

/// Holds senders that are open, and those whose stop ends without a person. The reason of a replaced stop is kept in the detail.
/// Each replaced stop begins a new epoch, so the answer to a probe of the old epoch does not open the sender.
async fn hold_all(tx: &Transaction<'_>, detail: &str) -> Result<u64, Error> {
    let lock = "
        select g.sender_id from sender_gate g
        where g.is_open or exists (
            select from hold h
            where h.sender_id = g.sender_id and h.campaign_id is null and h.ended_at is null and h.reason = any($1))
        order by g.sender_id for update of g";
    let end = "
        update hold set ended_at = now(), ended_by = $3
        where sender_id = any($1) and campaign_id is null and ended_at is null and reason = any($2)
        returning sender_id, format('; stopped for %s before: %s', reason, coalesce(detail, 'no detail'))";
    let begin = "
        insert into hold (sender_id, reason, detail, caused_by)
        select g.id, $2, $3 || coalesce(e.detail, ''), $4
        from unnest($1::bigint[]) g (id) left join unnest($5::bigint[], $6::text[]) e (id, detail) using (id)
        on conflict do nothing";
    let close = "
        update sender_gate set is_open = false, probe_armed = false, epoch = epoch + (not is_open)::int
        where sender_id = any($1)";
    let ending = StopReason::ALL.iter().filter(|reason| ends_by_itself(**reason));
    let ending: Vec<&str> = ending.map(|reason| reason.word()).collect();
    let senders = tx.query(lock, &[&ending]).await?;
    let senders: Vec<i64> = senders.iter().map(|row| row.get(0)).collect();
    if senders.is_empty() {
        return Ok(0);
    }
    let ended = tx.query(end, &[&senders, &ending, &BY]).await?;
    let (replaced, details): (Vec<i64>, Vec<String>) =
        ended.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1))).unzip();
    let reason = StopReason::DatabaseFailedOver.word();
    let held = tx.execute(begin, &[&senders, &reason, &detail, &BY, &replaced, &details]).await?;
    tx.execute(close, &[&senders]).await?;
    Ok(held)
}

fn ends_by_itself(reason: StopReason) -> bool {
    reason.probing().is_some() || reason == StopReason::DailyCap
}
