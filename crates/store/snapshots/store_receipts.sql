with people as materialized (
    select p.seq, p.state, p.msisdn < 0 as is_erased from recipient p
    where p.campaign_id = $10::bigint and p.campaign_id between 0 and 9999 and p.seq = any($2 || $9::int[])
), reported as (
    select t.sender_id, t.seq, t.status, least(coalesce(t.at, now()), now()) as at, t.code, t.follow_up, t.message_id, t.billable
    from unnest($1::bigint[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
        $8::bool[]) as t (sender_id, seq, status, at, code, follow_up, message_id, billable)
), merged as (
    select seq, min(at) filter (where status in ('sent', 'delivered', 'read')) as sent_at,
        min(at) filter (where status in ('delivered', 'read')) as delivered_at,
        min(at) filter (where status = 'read') as read_at, min(at) filter (where status = 'failed') as failed_at,
        (array_agg(code order by at, code) filter (where status = 'failed'))[1] as code,
        (array_agg(follow_up order by at, code) filter (where status = 'failed'))[1] as follow_up,
        min(message_id) filter (where not seq = any(array(select p.seq from people p where p.is_erased))) as message_id,
        min(sender_id) as sender_id, bool_or(billable) as billable
    from reported group by seq
), noted as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select m.sender_id, message_hash(m.message_id), $10::bigint, m.seq, m.message_id
    from merged m
    where m.message_id is distinct from (
            select r.provider_message_id from receipt r
            where r.campaign_id = $10::bigint and r.campaign_id between 0 and 9999 and r.seq = m.seq)
        and m.message_id is not null
    order by 1, 2
    on conflict do nothing
), stored as (
    insert into receipt as r (campaign_id, seq, sent_at, delivered_at, read_at, failed_at, code, follow_up,
        provider_message_id, billable, calling_code)
    select $10::bigint, m.seq, sent_at, delivered_at, read_at, failed_at, code, follow_up, message_id, billable,
        case when billable is not null then (
            select p.calling_code from recipient p
            where p.campaign_id = $10::bigint and p.campaign_id between 0 and 9999 and p.seq = m.seq) end
    from merged m order by m.seq
    on conflict (campaign_id, seq) do update
    set sent_at = least(r.sent_at, excluded.sent_at), delivered_at = least(r.delivered_at, excluded.delivered_at),
        read_at = least(r.read_at, excluded.read_at), failed_at = least(r.failed_at, excluded.failed_at),
        code = case when (excluded.failed_at, excluded.code) < (r.failed_at, r.code) or r.failed_at is null
            then excluded.code else r.code end,
        follow_up = case when (excluded.failed_at, excluded.code) < (r.failed_at, r.code) or r.failed_at is null
            then excluded.follow_up else r.follow_up end,
        provider_message_id = least(r.provider_message_id, excluded.provider_message_id),
        billable = greatest(r.billable, excluded.billable), calling_code = coalesce(r.calling_code, excluded.calling_code)
    where (r.sent_at, r.delivered_at, r.read_at, r.failed_at, r.code, r.provider_message_id, r.billable)
        is distinct from (
        least(r.sent_at, excluded.sent_at), least(r.delivered_at, excluded.delivered_at),
        least(r.read_at, excluded.read_at), least(r.failed_at, excluded.failed_at),
        case when (excluded.failed_at, excluded.code) < (r.failed_at, r.code) or r.failed_at is null
            then excluded.code else r.code end,
        least(r.provider_message_id, excluded.provider_message_id), greatest(r.billable, excluded.billable))
), early as (
    select seq, state from people where state in ('pending', 'sending', 'unknown', 'retry')
), to_resolve as (
    insert into receipt_to_resolve (campaign_id, seq) select $10::bigint, seq from early order by seq
    on conflict (campaign_id, seq) do update set look_at = excluded.look_at
)
select exists (select from early where state <> 'sending')
