with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::text[],
        $8::bigint[], $9::timestamptz[], $10::int[], $11::smallint[], $12::text[])
    as o (claim_id, seq, outcome, state, given_back, reason_code, reason_text, due_in_ms, sent_at, latency_us,
        http_status, provider_message_id)
), gone as materialized (
    select state = 'cancelled' as yes from campaign where id = $15::bigint
), recorded as (
    update recipient r
    set state = case when gone.yes and o.due_in_ms is not null then 'cancelled' else o.state end,
        attempts = r.attempts - o.given_back::int, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o, gone
    where r.campaign_id = $15::bigint and r.campaign_id between 0 and 9999 and r.seq = o.seq and r.claim_id = o.claim_id
        and (r.state in ('sending', 'unknown') or (r.state = 'retry' and o.state = 'accepted'))
    returning r.seq, r.state, r.attempts
), unsure as (
    insert into unknown_recipient (campaign_id, seq) select $15::bigint, seq from recorded where state = 'unknown'
    on conflict (campaign_id, seq) do update set since = excluded.since
), sure as (
    delete from unknown_recipient
    where campaign_id = $15::bigint and seq = any(array(select seq from recorded where state <> 'unknown')) returning seq
), not_again as (
    delete from due
    where campaign_id = $15::bigint and seq = any(array(select seq from recorded where state = 'accepted'))
        and exists (select from resolution where campaign_id = $15::bigint)
    returning seq
), attempted as (
    insert into attempt (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select $15::bigint, o.claim_id, o.sent_at, o.seq, o.latency_us, o.http_status, o.outcome, recorded.seq is null,
        o.reason_code, o.reason_text, o.provider_message_id
    from o left join recorded on recorded.seq = o.seq
    where o.sent_at is not null
    on conflict do nothing
    returning late
), due_again as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select $15::bigint, o.seq, $13, at.at, at.at
    from o join recorded on recorded.seq = o.seq,
        lateral (select clock_timestamp() + o.due_in_ms * interval '1 millisecond' as at) at
    where recorded.state in ('pending', 'retry')
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
), not_used as (
    update sender_gate g set day_used = greatest(day_used - n, 0)
    from (
        select count(*) as n from o join recorded on recorded.seq = o.seq where o.given_back and recorded.attempts = 0
    ) given_back
    where g.sender_id = $13 and n > 0 and g.daily_cap is not null and g.day = day_now(g.day_zone)
), named as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select $13, message_hash(o.provider_message_id), $15::bigint, o.seq, o.provider_message_id
    from o
    where o.provider_message_id is not null and exists (select from sender where id = $13 and provider = '1msg')
    on conflict do nothing
), closed as (
    delete from claim where id = any($14)
), overtaken as (
    select seq from sure union all select seq from not_again
    union all select o.seq from o left join recorded using (seq) where recorded.seq is null
)
select count(*) as changed, (select count(*) from attempted where late) as late, array(
    select o.seq from o join overtaken using (seq)
    where o.outcome in ('accepted', 'unknown') and o.sent_at is not null) as overtaken
from recorded
