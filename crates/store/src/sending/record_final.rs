//! Recording outcomes that end a recipient's way, accepted or failed: what nearly all are.
//!
//! The statement of `record.rs` without what only the others need: less work for Postgres (docs/BENCHMARKS.md). It
//! records over those alone who are still being sent to by that claim; whoever the lease has left unknown meanwhile, or
//! was settled by somebody else, is left to the statement that knows of them. It writes to the campaign's own tables, past the
//! triggers that count, and counts itself: all it records were being sent to.

use campaign::{CampaignId, SenderId};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::volume::written_for;
use crate::sending::outcome_rows::Columns;

const STATEMENT: &str = "
with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
        $8::smallint[], $9::text[])
    as o (claim_id, seq, outcome, reason_code, reason_text, sent_at, latency_us, http_status, provider_message_id)
), recorded as (
    update recipient_v:volume r
    set state = o.outcome, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o where r.campaign_id = :campaign and r.seq = o.seq and r.claim_id = o.claim_id and r.state = 'sending'
    returning o.*, r.calling_code
), attempted as (
    insert into attempt_v:volume (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select :campaign, claim_id, sent_at, seq, latency_us, http_status, outcome, false, reason_code, reason_text,
        provider_message_id
    from recorded
), counted as (
    insert into tally_delta (campaign_id, kind, calling_code, n, minute, code, first_at, last_at, recorded_at)
    select :campaign, 'attempt_' || outcome, null::smallint, count(*), minute_of(sent_at), reason_code, min(sent_at),
        max(sent_at), now()
    from recorded group by outcome, minute_of(sent_at), reason_code
    union all
    select :campaign, outcome, calling_code, count(*), null, null, null, null, null
    from recorded group by outcome, calling_code
    union all
    select :campaign, 'sending', null, -count(*), null, null, null, null, null from recorded having count(*) > 0
), named as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select $10, message_hash(provider_message_id), :campaign, seq, provider_message_id
    from recorded
    where provider_message_id is not null and exists (select from sender where id = $10 and provider = '1msg')
    on conflict do nothing
), closed as (
    delete from claim where id = any($11)
)
select count(*) from recorded";

impl Store {
    /// Records these, which are final, and closes these claims. Returns how many it recorded: the others need another look.
    pub(crate) async fn record_final(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        finals: &Columns<'_>,
        closed: &[i64],
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &finals.claim_id,
            &finals.seq,
            &finals.outcome,
            &finals.reason_code,
            &finals.reason_text,
            &finals.sent_at,
            &finals.latency_us,
            &finals.http_status,
            &finals.provider_message_id,
            &sender.0,
            &closed,
        ];
        let recorded = async {
            let prepared = client.prepare_cached(&written_for(campaign, STATEMENT)).await?;
            client.query_one(&prepared, &parameters).await
        };
        match recorded.await {
            Ok(row) => Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
            Err(error) if is_without_table(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
