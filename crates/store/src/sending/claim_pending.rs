//! Claiming those who are pending and may be written to, at a gate that is plain: what nearly all are.
//!
//! Plain is a gate that is open, without a daily cap, not slowed down or paused by its provider, and of a campaign without a
//! rate of its own. The statement is that of `claim.rs` without what only the others need: less work for Postgres
//! (docs/BENCHMARKS.md). It reads who of those asked for is pending, marks them where it found them, as `skipped` who must not
//! be written to and as `sending` the others, and takes permits for exactly as many as these. If it gets none it gives
//! everything back, by an error that ends the transaction. Whoever it leaves, and whatever is not plain, is left to the
//! statement that knows of them.
//!
//! It writes to the campaign's own table, past the triggers that count, and counts itself: all it changes were pending. Rows
//! are locked in the order of their places in the table, as by all who lock those who wait.

use std::sync::LazyLock;

use tokio::time::Instant;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::volume::written_for;
use crate::senders::rate::{LONGEST, MAX_AHEAD};
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal, OF_CAMPAIGN};
use crate::sending::claim_request::{WINDOW, Wish};
use crate::sending::rate_limit::wait_for;

/// What `give_back_claim` of the database raises.
const GIVEN_BACK: &str = "FC001";

/// A gate that asks for nothing but permits of its rate.
const PLAIN: &str = "(g.is_open and g.daily_cap is null and g.paused_until <= clock_timestamp()
    and pace_now(g.pace, g.slowed_at) >= 1)";

/// The steps from `changed` to `left_out`: everybody is marked, in the order of their places.
const MARK_STEPS: &str = "
changed as (
    update recipient_v:volume r
    set state = case when r.msisdn in (select msisdn from barred) then 'skipped' else 'sending' end,
        claim_id = case when r.msisdn in (select msisdn from barred) then r.claim_id
            else (select claim_id from plain) end,
        attempts = r.attempts + (r.msisdn not in (select msisdn from barred))::int,
        reason_code = case when r.msisdn in (select msisdn from barred)
            then (select jsonb_object_agg(msisdn, reason) from barred) ->> r.msisdn::text else r.reason_code end,
        changed_at = clock_timestamp()
    where r.state = 'pending' and r.ctid = any(array(select place from listed))
    returning r.seq, r.msisdn, r.variables, r.attempts, r.state, r.calling_code
), claimed as (
    select count(*) as n, count(*) filter (where attempts = 1) as n_first, array_agg(seq) as seqs,
        array_agg(msisdn) as msisdns, array_agg(variables) as variables, array_agg(attempts) as attempts
    from changed where state = 'sending'
), skipped as (
    select calling_code, count(*) as n from changed
    where state = 'skipped' and exists (select from barred) group by calling_code
), left_out as (
    select coalesce(sum(n), 0)::bigint as n_skipped from skipped";

fn statement() -> String {
    format!(
        "
with plain as materialized (
    select nextval('claim_id_seq') as claim_id, not c.definition ? 'template' as needs_window,
        coalesce(g.tat <= clock_timestamp() + {MAX_AHEAD} or g.permits is null) as has_room,
        (extract(epoch from g.tat - clock_timestamp() - {MAX_AHEAD}) * 1000000)::bigint as wait_us, {OF_CAMPAIGN}
    from sender_gate g cross join campaign c
    where g.sender_id = $2 and c.id = :campaign and {PLAIN}
        and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
        and not exists (select from campaign_gate where campaign_id = :campaign)
), {}, {MARK_STEPS}
), permit as (
    update sender_gate g
    set tat = greatest(g.tat, clock_timestamp()) + time_of(n, g.permits, g.per_us), day = day_now(g.day_zone),
        day_used = case when g.day = day_now(g.day_zone) then g.day_used else 0 end + n_first
    from claimed
    where g.sender_id = $2 and n > 0 and {PLAIN} and (g.permits is null or (
        g.tat <= clock_timestamp() + {MAX_AHEAD} and (n = 1 or time_of(n, g.permits, g.per_us) <= {LONGEST})))
    returning g.epoch, false as is_probe, g.permits as slow_permits, g.per_us as slow_per_us,
        coalesce(g.burst, 100) as burst, g.tat - time_of(n, g.permits, g.per_us) as starts_at,
        clock_timestamp() as permitted_at
), batch as (
    insert into claim (id, campaign_id, sender_id, worker, seqs, lease_until) overriding system value
    select plain.claim_id, :campaign, $2, $3, claimed.seqs, clock_timestamp() + $4 * interval '1 millisecond'
    from permit, plain, claimed
), no_longer_due as (
    delete from due where campaign_id = :campaign and exists (select from due where campaign_id = :campaign)
        and seq = any(array(select seq from changed))
), counted as (
    insert into tally_delta (campaign_id, kind, calling_code, n)
    select :campaign, 'sending', null::smallint, n from claimed where n > 0
    union all
    select :campaign, 'pending', null, -n - n_skipped from claimed, left_out where n + n_skipped > 0
    union all
    select :campaign, 'skipped', calling_code, n from skipped
)
select plain.*, permit.*, claimed.*, acquaintances.*, n_skipped,
    case when n > 0 and permit.epoch is null then give_back_claim() end
from claimed cross join left_out cross join (
    select array_agg(msisdn) as known, array_agg(window_state) as windows, array_agg(quiet_ms) as pauses from known
) acquaintances left join plain on true left join permit on true",
        look_steps()
    )
}

/// The steps from `plain` to `barred`: who of those asked for is pending, and who of them must not be written to.
fn look_steps() -> String {
    format!(
        "
listed as materialized (
    select ctid as place, msisdn from recipient_v:volume
    where campaign_id = :campaign and seq = any($1) and state = 'pending' and (select has_room from plain)
), known as materialized (
    select h.msisdn, (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms,
        case when h.last_inbound_at > clock_timestamp() - {WINDOW} then 'open'
            when h.last_inbound_at is not null then 'closed' end as window_state
    from conversation h where h.sender_id = $2 and h.msisdn = any(array(select msisdn from listed))
), barred as materialized (
    select distinct on (msisdn) msisdn, reason from (
        select s.msisdn, case s.reason when 'operator' then 'suppressed' else 'opted_out' end as reason, 1 as rank
        from suppression s
        where s.msisdn = any(array(select msisdn from listed)) and coalesce(s.sender_id, $2) = $2
        union all
        select msisdn, 'window_closed', 2 from known where window_state = 'closed' and (select needs_window from plain)
    ) reasons order by msisdn, rank
)"
    )
}

impl Store {
    /// Claims those of these who are pending, or refuses to because the rate is used up. `None` when it takes another look:
    /// nobody of them is, or something is not plain.
    pub(crate) async fn claim_pending(&self, wish: &Wish) -> Result<Option<ClaimAnswer>, Error> {
        static STATEMENT: LazyLock<String> = LazyLock::new(statement);
        let client = self.client().await?;
        let answer = async {
            let prepared = client.prepare_cached(&written_for(wish.campaign, &STATEMENT)).await?;
            wish.ask(&client, &prepared).await
        };
        let (asked, answer) = match answer.await {
            Ok((asked, Some(answer))) => (asked, answer),
            Ok((_, None)) => return Ok(None),
            Err(error) if is_given_back(&error) || is_without_table(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match answer.get("has_room") {
            // Not plain.
            None => Ok(None),
            Some(false) => {
                Ok(Some(ClaimAnswer::Refused(ClaimRefusal::Wait(wait_for(answer.get("wait_us"))))))
            }
            Some(true) => self.read_pending(wish, &answer, asked),
        }
    }

    fn read_pending(&self, wish: &Wish, answer: &Row, asked: Instant) -> Result<Option<ClaimAnswer>, Error> {
        if answer.get::<_, i64>("n") == 0 {
            return Ok(None);
        }
        let claim = self.read_claim(answer, asked)?;
        let n_skipped = usize::try_from(answer.get::<_, i64>("n_skipped")).unwrap_or(0);
        let may_be_cut = claim.rows.len() + n_skipped < wish.seqs.len();
        Ok(Some(ClaimAnswer::Granted(Claim { may_be_cut, ..claim })))
    }
}

fn is_given_back(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| state.code() == GIVEN_BACK)
}
