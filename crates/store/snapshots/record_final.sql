with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
        $8::smallint[], $9::text[])
    as o (claim_id, seq, outcome, reason_code, reason_text, sent_at, latency_us, http_status, provider_message_id)
), recorded as (
    update recipient_v0 r
    set state = o.outcome, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o where r.campaign_id = $12::bigint and r.seq = o.seq and r.claim_id = o.claim_id and r.state = 'sending'
    returning o.*, r.calling_code
), attempted as (
    insert into attempt_v0 (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select $12::bigint, claim_id, sent_at, seq, latency_us, http_status, outcome, false, reason_code, reason_text,
        provider_message_id
    from recorded
), counted as (
    insert into counter_delta (campaign_id, kind, calling_code, n, minute, code, first_at, last_at, recorded_at)
    select $12::bigint, 'attempt_' || outcome, null::smallint, count(*), minute_of(sent_at), reason_code, min(sent_at),
        max(sent_at), now()
    from recorded group by outcome, minute_of(sent_at), reason_code
    union all
    select $12::bigint, outcome, calling_code, count(*), null, null, null, null, null
    from recorded group by outcome, calling_code
    union all
    select $12::bigint, 'sending', null, -count(*), null, null, null, null, null from recorded having count(*) > 0
), named as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select $10, message_hash(provider_message_id), $12::bigint, seq, provider_message_id
    from recorded
    where provider_message_id is not null and exists (select from sender where id = $10 and provider = '1msg')
    on conflict do nothing
), closed as (
    delete from claim where id = any($11)
)
select count(*) from recorded
