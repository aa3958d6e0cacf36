//! Opens the gates of senders: by a person, after a successful probe, and at the end of a day.
//!
//! **Invariant.** A gate is open only while the daily cap of the sender is not used up. If the cap is used up, the gate stays
//! closed with the cap as the reason until the day of the cap ends. No gate is opened while the database is not the confirmed one.

use std::time::Duration;

use crate::db::pool::Transaction;
use campaign::{Probing, SenderId, StopReason};
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::identity::{is_confirmed, not_confirmed};

/// The result of opening a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The gate is open: a new epoch began.
    Open,
    /// The gate stays closed: the daily cap is used up until the day ends.
    Capped {
        /// The stop that ended now; `None`: the cap was the reason before.
        ended: Option<StopReason>,
        /// The daily cap, in recipients.
        recipients: u32,
        /// The end of the day.
        until: Timestamp,
    },
    /// Nothing changed: the gate was open, or the caller may not end this stop.
    Unchanged,
}

/// The result of asking for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The producer probes the sender now, if one of its recipients is waiting.
    Due,
    /// The sender is not stopped.
    Open,
    /// The sender is stopped for a reason that a probe cannot test.
    NotTestable(StopReason),
}

/// The caller that opens a gate, and the stops that it may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    /// A person: any stop.
    Person,
    /// A successful probe that was claimed in this epoch: the stop that it probed.
    Probe(i64),
    /// The end of a day, or a cap that is not used up any more: the stop for the daily cap.
    Cap,
}

/// A gate whose row is locked.
struct Gate {
    is_open: bool,
    epoch: i64,
    /// The daily cap and the end of the day, if the cap is used up.
    used_up: Option<(u32, Timestamp)>,
}

impl Gate {
    async fn lock(tx: &Transaction<'_>, sender: SenderId) -> Result<Self, Error> {
        let lock = "
            select is_open, epoch, daily_cap, (day_now(day_zone) + 1)::timestamp at time zone day_zone,
                coalesce(day = day_now(day_zone) and day_used >= daily_cap, false)
            from sender_gate where sender_id = $1 for update";
        let row = tx.query_one(&tx.prepare_cached(lock).await?, &[&sender.0]).await?;
        let recipients = row.get::<_, Option<i32>>(2).and_then(|recipients| u32::try_from(recipients).ok());
        let used_up = recipients.filter(|_| row.get(4)).map(|recipients| (recipients, row.get(3)));
        Ok(Self { is_open: row.get(0), epoch: row.get(1), used_up })
    }
}

impl Store {
    /// Opens the gate of a sender because a person wants it, at a quarter of the rate, which grows back to the whole rate. Fails if
    /// the database is not the confirmed one.
    pub async fn open_sender(&self, sender: SenderId, ended_by: &str) -> Result<Opened, Error> {
        self.open(sender, Opener::Person, ended_by).await
    }

    /// Opens the gate of a sender after a successful probe that was claimed in this epoch. A gate that was opened since, or that
    /// a person closed since, stays as it is.
    pub async fn open_after_probe(
        &self,
        sender: SenderId,
        epoch: i64,
        ended_by: &str,
    ) -> Result<Opened, Error> {
        self.open(sender, Opener::Probe(epoch), ended_by).await
    }

    /// Opens the gates of senders that are stopped for the daily cap, if the day is over, the cap was raised, or recipients of the
    /// day were given back. Returns the number of senders.
    pub async fn open_capped_senders(&self) -> Result<u64, Error> {
        let select = "
            select g.sender_id from sender_gate g join hold h on h.sender_id = g.sender_id
            where h.campaign_id is null and h.ended_at is null and h.reason = 'daily_cap' and not g.is_open
                and (g.daily_cap is null or g.day <> day_now(g.day_zone) or g.day_used < g.daily_cap)";
        let client = self.client().await?;
        let senders = client.query(&client.prepare_cached(select).await?, &[]).await?;
        drop(client);
        let mut opened = 0;
        for sender in senders.iter().map(|row| SenderId(row.get(0))) {
            let is_open = self.open(sender, Opener::Cap, "the daily cap").await? == Opened::Open;
            opened += u64::from(is_open);
        }
        Ok(opened)
    }

    async fn open(&self, sender: SenderId, opener: Opener, ended_by: &str) -> Result<Opened, Error> {
        let select = "
            select reason from hold where sender_id = $1 and campaign_id is null and ended_at is null for update";
        let open = "
            update sender_gate
            set is_open = true, probe_armed = false, epoch = epoch + 1,
                pace = case when $2 then 0.25 else pace end,
                slowed_at = case when $2 then clock_timestamp() else slowed_at end
            where sender_id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let gate = Gate::lock(&tx, sender).await?;
        let hold = tx.query_opt(&tx.prepare_cached(select).await?, &[&sender.0]).await?;
        let reason: Option<StopReason> =
            hold.map(|row| row.get::<_, &str>(0).parse().map_err(Error::unreadable)).transpose()?;
        let is_capped = reason == Some(StopReason::DailyCap);
        let may_open = match opener {
            Opener::Person => true,
            Opener::Probe(epoch) => epoch == gate.epoch,
            Opener::Cap => is_capped,
        };
        if gate.is_open || !may_open {
            return Ok(Opened::Unchanged);
        }
        if !is_confirmed(&tx).await? {
            return if opener == Opener::Person { Err(not_confirmed()) } else { Ok(Opened::Unchanged) };
        }
        let opened = match gate.used_up {
            Some((recipients, until)) if is_capped => {
                return Ok(Opened::Capped { ended: None, recipients, until });
            }
            Some((recipients, until)) => {
                end_hold(&tx, sender, ended_by).await?;
                stop_for_cap(&tx, sender).await?;
                Opened::Capped { ended: reason, recipients, until }
            }
            None => {
                end_hold(&tx, sender, ended_by).await?;
                let starts_slowly = opener != Opener::Cap;
                tx.execute(&tx.prepare_cached(open).await?, &[&sender.0, &starts_slowly]).await?;
                Opened::Open
            }
        };
        tx.commit().await?;
        Ok(opened)
    }

    /// Lets one claim of one recipient pass the gate of a sender that is stopped for a reason of this kind, if a probe is due:
    /// after the first of these pauses, then after the second, and so on; the last pause repeats. Returns whether a probe is
    /// armed.
    pub async fn arm_probe(
        &self,
        sender: SenderId,
        probing: Probing,
        pauses: &[Duration],
    ) -> Result<bool, Error> {
        let statement = "
            with gate as materialized (
                select sender_id from sender_gate
                where sender_id = $1 and not is_open and exists (
                    select from hold
                    where sender_id = $1 and campaign_id is null and ended_at is null and reason = any($3)
                        and (probe_at is null or probe_at <= clock_timestamp()))
                for update
            ), probed as (
                select id, coalesce(probe_at, since + ($2::bigint[])[1] * interval '1 millisecond') as at
                from hold, (select count(*) as n from gate) locked_before
                where n > 0 and sender_id = $1 and campaign_id is null and ended_at is null and reason = any($3)
                for update of hold
            ), planned as (
                update hold h
                set probe_at = case when at > clock_timestamp() then at else clock_timestamp()
                        + ($2::bigint[])[least(probes + 2, cardinality($2::bigint[]))] * interval '1 millisecond' end,
                    probes = probes + (at <= clock_timestamp())::int
                from probed where h.id = probed.id and (probe_at is null or at <= clock_timestamp())
            )
            update sender_gate g set probe_armed = true
            from probed where g.sender_id = $1 and not g.is_open and at <= clock_timestamp()";
        let pauses: Vec<i64> =
            pauses.iter().map(|pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)).collect();
        let reasons = StopReason::ALL.iter().filter(|reason| reason.probing() == Some(probing));
        let reasons: Vec<&str> = reasons.map(|reason| reason.word()).collect();
        let client = self.client().await?;
        let n =
            client.execute(&client.prepare_cached(statement).await?, &[&sender.0, &pauses, &reasons]).await?;
        Ok(n > 0)
    }
}

impl Store {
    /// Makes the next probe of a stopped sender due now; the producer arms it within a second ([`Store::arm_probe`]).
    pub async fn probe_now(&self, sender: SenderId) -> Result<ProbeResult, Error> {
        let select = "
            select id, reason from hold where sender_id = $1 and campaign_id is null and ended_at is null for update";
        let update = "update hold set probe_at = clock_timestamp() where id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        if Gate::lock(&tx, sender).await?.is_open {
            return Ok(ProbeResult::Open);
        }
        let Some(hold) = tx.query_opt(select, &[&sender.0]).await? else { return Ok(ProbeResult::Open) };
        let reason: StopReason = hold.get::<_, &str>(1).parse().map_err(Error::unreadable)?;
        if reason.probing().is_none() {
            return Ok(ProbeResult::NotTestable(reason));
        }
        tx.execute(update, &[&hold.get::<_, i64>(0)]).await?;
        tx.commit().await?;
        Ok(ProbeResult::Due)
    }
}

async fn end_hold(tx: &Transaction<'_>, sender: SenderId, ended_by: &str) -> Result<(), Error> {
    let update = "
        update hold set ended_at = now(), ended_by = $2
        where sender_id = $1 and campaign_id is null and ended_at is null";
    tx.execute(&tx.prepare_cached(update).await?, &[&sender.0, &ended_by]).await?;
    Ok(())
}

/// Adds the stop for the daily cap; the gate stays closed, and no probe passes it.
async fn stop_for_cap(tx: &Transaction<'_>, sender: SenderId) -> Result<(), Error> {
    let disarm = "update sender_gate set probe_armed = false where sender_id = $1";
    let insert = "
        insert into hold (sender_id, reason, detail, until, caused_by)
        select sender_id, 'daily_cap', format('%s recipients a day', daily_cap),
            (day_now(day_zone) + 1)::timestamp at time zone day_zone, 'the daily cap'
        from sender_gate where sender_id = $1";
    tx.execute(disarm, &[&sender.0]).await?;
    tx.execute(insert, &[&sender.0]).await?;
    Ok(())
}
