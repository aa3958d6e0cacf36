//! Claiming a batch of recipients: one statement, in one transaction and one round trip with the claim lock it takes before.
//!
//! Those who are pending, nearly all, are claimed a shorter way (`claim_pending.rs`); who is left over there comes here.
//!
//! It locks the rows that are still due, takes permits for exactly that many, and only then marks them as being sent.
//! Refused means nothing was claimed. The permits come last of what can be refused, and the gate's row lock is held over
//! the update and the commit only. The answer is one row, with the recipients in arrays: what is the same for all of them is
//! worked out and sent once. Rows are locked in the order of their places in the table, and only rows that wait are
//! locked, so a claim can block another claim or a cancellation for a moment but never deadlock with a recording.
//!
//! Before anything is counted, those who must not be written to become `skipped`: who is suppressed for the sender or for all, and
//! whose 24-hour window is known to be closed in a campaign that has no template for them. That holds even when the rest is
//! refused. Each costs two look-ups by key. The joins are lateral with a limit, so that each recipient is looked up by key
//! whatever the planner thinks of the tables.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, ClaimId, SenderId, Seq};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::written_for;
use crate::senders::rate::MAX_AHEAD;
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal, OF_CAMPAIGN, read_refusal};
use crate::sending::claim_request::{CLAIM_LOCK, WINDOW, Wish};
use crate::sending::rate_limit::{REFUSAL_FROM, permit_steps, refusal};

fn statement() -> String {
    format!(
        "
with before as materialized (
    select (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as open,
        greatest(g.tat, l.tat, g.paused_until) <= clock_timestamp() + {MAX_AHEAD} as has_room,
        case when not g.is_open then 1
            when g.daily_cap is not null then
                greatest(g.daily_cap - case when g.day = day_now(g.day_zone) then g.day_used else 0 end, 0)
        end as at_most,
        not c.definition ? 'template' as needs_window
    from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id
    where g.sender_id = $2 and c.id = :campaign
), due_now as (
    select seq, attempts, msisdn from recipient
    where campaign_id = :campaign and seq = any($1)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = :campaign and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
        and (select open and has_room from before)
    order by ctid limit (select at_most from before)
    for update
), {}
), wanted as (
    select count(*) as n, count(*) filter (where attempts = 0) as n_first from allowed
), {}, batch as (
    insert into claim (campaign_id, sender_id, worker, seqs, lease_until)
    select :campaign, $2, $3, (select array_agg(seq) from allowed), clock_timestamp() + $4 * interval '1 millisecond'
    from permit returning id, claimed_at
), marked as (
    update recipient r
    set state = case when l.barred is null then 'sending' else 'skipped' end,
        claim_id = case when l.barred is null then batch.id else r.claim_id end,
        attempts = r.attempts + (l.barred is null)::int, reason_code = coalesce(l.barred, r.reason_code),
        changed_at = coalesce(batch.claimed_at, clock_timestamp())
    from looked_at l left join batch on true
    where r.campaign_id = :campaign and r.seq = l.seq and (l.barred is not null or batch.id is not null)
    returning r.seq, r.msisdn, r.variables, r.attempts, l.window_state, l.quiet_ms, l.barred
), no_longer_due as (
    delete from due where campaign_id = :campaign and seq = any(array(select seq from marked))
), claimed as (
    select array_agg(seq) as seqs, array_agg(msisdn) as msisdns, array_agg(variables) as variables,
        array_agg(attempts) as attempts, array_agg(msisdn) filter (where is_known) as known,
        array_agg(window_state) filter (where is_known) as windows, array_agg(quiet_ms) filter (where is_known) as pauses
    from (select *, num_nonnulls(window_state, quiet_ms) > 0 as is_known from marked where barred is null) m
)
select {}, before.has_room, {OF_CAMPAIGN},
    (select n from wanted) as n_due, exists (select from looked_at where barred is not null) as has_skipped,
    not g.is_open or g.daily_cap is not null as may_be_cut, b.id as claim_id, p.*, claimed.*
from {REFUSAL_FROM} cross join before cross join claimed left join permit p on true left join batch b on true
where g.sender_id = $2 and c.id = :campaign",
        look_steps(),
        permit_steps(),
        refusal()
    )
}

/// The steps from `due_now` to `allowed`: who must not be written to is `barred`, with the reason.
fn look_steps() -> String {
    format!(
        "
looked_at as materialized (
    select d.seq, d.attempts, w.window_state, w.quiet_ms, coalesce(
            (select case s.reason when 'operator' then 'suppressed' else 'opted_out' end
             from suppression s where s.msisdn = d.msisdn and coalesce(s.sender_id, $2) = $2 limit 1),
            case when w.window_state = 'closed' and (select needs_window from before) then 'window_closed' end) as barred
    from due_now d left join lateral (
        select case when h.last_inbound_at > clock_timestamp() - {WINDOW} then 'open'
                when h.last_inbound_at is not null then 'closed' end as window_state,
            (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms
        from conversation h where h.sender_id = $2 and h.msisdn = d.msisdn limit 1
    ) w on true
), allowed as (
    select seq, attempts from looked_at where barred is null"
    )
}

impl Store {
    /// Claims those of these recipients that are due, with as many permits of the sender's rate, for `lease` long.
    pub async fn claim(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        seqs: &[Seq],
        (worker, lease): (Uuid, Duration),
    ) -> Result<ClaimAnswer, Error> {
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let wish = Wish { sender, campaign, seqs, worker, lease_ms };
        match self.claim_pending(&wish).await? {
            Some(claimed) => Ok(claimed),
            None => self.claim_any(&wish).await,
        }
    }

    /// The claims of this worker behind its claim `after`, with their recipients. When an answer to a claim does not come,
    /// the claim may have been made all the same; the worker then finds it here. A claim that is still being made is
    /// waited for.
    pub async fn claims_after(
        &self,
        sender: SenderId,
        worker: Uuid,
        after: ClaimId,
    ) -> Result<Vec<(CampaignId, ClaimId, Vec<Seq>)>, Error> {
        let select = "
            select campaign_id, id, seqs from claim where sender_id = $1 and worker = $2 and id > $3 order by id";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(&tx.prepare_cached(CLAIM_LOCK).await?, &[&sender.0]).await?;
        let rows = tx.query(&tx.prepare_cached(select).await?, &[&sender.0, &worker, &after.0]).await?;
        tx.commit().await?;
        let read = |row: &Row| {
            let seqs: Vec<i32> = row.get(2);
            (CampaignId(row.get(0)), ClaimId(row.get(1)), seqs.into_iter().map(Seq).collect())
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Whatever they are.
    async fn claim_any(&self, wish: &Wish) -> Result<ClaimAnswer, Error> {
        static STATEMENT: LazyLock<String> = LazyLock::new(statement);
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(wish.campaign, &STATEMENT)).await?;
        let (asked, answer) = wish.ask(&client, &prepared).await?;
        let Some(answer) = answer else {
            // The campaign or the sender was deleted: the message is stale.
            return Ok(ClaimAnswer::Refused(ClaimRefusal::NothingDue));
        };
        if answer.get::<_, Option<i64>>("claim_id").is_none() {
            return Ok(ClaimAnswer::Refused(read_refusal(&answer)));
        }
        let claim = self.read_claim(&answer, asked)?;
        Ok(ClaimAnswer::Granted(Claim { may_be_cut: answer.get("may_be_cut"), ..claim }))
    }
}
