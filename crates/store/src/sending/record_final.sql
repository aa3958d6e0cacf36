-- Records outcomes that are `accepted` or `failed`, a column each in $1 to $9, of sender $10, and closes claims $11.
-- Only recipients that are still `sending` under this claim.
with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
        $8::smallint[], $9::text[])
    as o (claim_id, seq, outcome, reason_code, reason_text, sent_at, latency_us, http_status, provider_message_id)
), recorded as (
    update recipient_v{{volume}} r
    set state = o.outcome, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o where r.campaign_id = {{campaign}} and r.seq = o.seq and r.claim_id = o.claim_id and r.state = 'sending'
    returning o.*, r.calling_code
), attempted as (
    insert into attempt_v{{volume}} (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select {{campaign}}, claim_id, sent_at, seq, latency_us, http_status, outcome, false, reason_code, reason_text,
        provider_message_id
    from recorded
-- The triggers that count are on the parent table, so this statement counts.
), counted as (
    insert into counter_delta (campaign_id, kind, calling_code, n, minute, code, first_at, last_at, recorded_at)
    select {{campaign}}, 'attempt_' || outcome, null::smallint, count(*), minute_of(sent_at), reason_code, min(sent_at),
        max(sent_at), now()
    from recorded group by outcome, minute_of(sent_at), reason_code
    union all
    select {{campaign}}, outcome, calling_code, count(*), null, null, null, null, null
    from recorded group by outcome, calling_code
    union all
    select {{campaign}}, 'sending', null, -count(*), null, null, null, null, null from recorded having count(*) > 0
-- Providers whose delivery receipts contain only their message id.
), named as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select $10, message_hash(provider_message_id), {{campaign}}, seq, provider_message_id
    from recorded
    where provider_message_id is not null and exists (select from sender where id = $10 and {{names_messages_by_id}})
    on conflict do nothing
), closed as (
    delete from claim where id = any($11)
)
select count(*) from recorded
