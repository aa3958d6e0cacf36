//! Recording outcomes that end a recipient's way, accepted or failed: what nearly all are.
//!
//! The statement of `outcomes.rs` without what only the others need, which costs Postgres a fifth less. It records over
//! those alone who are still being sent to by that claim; whoever the lease has left unknown meanwhile, or was settled by
//! somebody else, is left to the statement that knows of them.

use campaign::{CampaignId, Outcome, Reason, SenderId};
use jiff::Timestamp;

use crate::connection::{Store, written_for};
use crate::error::Error;
use crate::outcomes::{Recorded, RecordedOutcome};

const STATEMENT: &str = "
with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
        $8::smallint[], $9::text[])
    as o (claim_id, seq, outcome, reason_code, reason_text, sent_at, latency_us, http_status, provider_message_id)
), recorded as (
    update recipient r set state = o.outcome, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o where r.campaign_id = :campaign and r.seq = o.seq and r.claim_id = o.claim_id and r.state = 'sending'
    returning o.*
), attempted as (
    insert into attempt (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select :campaign, claim_id, sent_at, seq, latency_us, http_status, outcome, false, reason_code, reason_text,
        provider_message_id
    from recorded
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

/// Final outcomes with their requests, a column each.
#[derive(Default)]
pub(crate) struct Finals<'a> {
    claim_id: Vec<i64>,
    seq: Vec<i32>,
    outcome: Vec<&'static str>,
    reason_code: Vec<Option<&'a str>>,
    reason_text: Vec<Option<&'a str>>,
    sent_at: Vec<Timestamp>,
    latency_us: Vec<i32>,
    http_status: Vec<Option<i16>>,
    provider_message_id: Vec<Option<&'a str>>,
}

impl<'a> Finals<'a> {
    /// These outcomes, if all of them are final and belong to a request.
    pub(crate) fn of(outcomes: &'a [RecordedOutcome]) -> Option<Self> {
        let mut finals = Self::default();
        for recorded in outcomes {
            let (outcome, message_id, reason): (_, _, Option<&Reason>) = match &recorded.outcome {
                Outcome::Accepted { provider_message_id } => ("accepted", Some(&**provider_message_id), None),
                Outcome::Failed { reason } => ("failed", None, Some(reason)),
                _ => return None,
            };
            let request = recorded.request.as_ref()?;
            finals.claim_id.push(recorded.claim.0);
            finals.seq.push(recorded.seq.0);
            finals.outcome.push(outcome);
            finals.reason_code.push(reason.map(|reason| reason.code.as_ref()));
            finals.reason_text.push(reason.map(|reason| reason.text.as_ref()));
            finals.push_request(request);
            finals.provider_message_id.push(message_id);
        }
        Some(finals)
    }

    fn push_request(&mut self, request: &Recorded) {
        self.sent_at.push(request.sent_at);
        self.latency_us.push(request.latency_us());
        self.http_status.push(request.status());
    }
}

impl Store {
    /// Records these and closes these claims. Returns how many it recorded: the others need another look.
    pub(crate) async fn record_finals(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        finals: &Finals<'_>,
        closed: &[i64],
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, STATEMENT)).await?;
        let row = client
            .query_one(
                &prepared,
                &[
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
                ],
            )
            .await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }
}
