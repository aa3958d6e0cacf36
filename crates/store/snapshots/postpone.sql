with wanted as (
    select * from unnest($1::int[], $2::bigint[]) as w (seq, pause_ms)
), waiting as materialized (
    select seq from recipient
    where campaign_id = $5::bigint and campaign_id between 0 and 9999 and seq = any($1)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = $5::bigint and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
    order by seq for update skip locked
), marked as (
    update recipient set state = 'retry', reason_code = $4, changed_at = clock_timestamp()
    where campaign_id = $5::bigint and campaign_id between 0 and 9999
        and seq = any(array(select seq from waiting))
)
insert into due (campaign_id, seq, sender_id, due_at, publish_at)
select $5::bigint, w.seq, $3, at.at, at.at
from waiting join wanted w using (seq), lateral (select clock_timestamp() + w.pause_ms * interval '1 millisecond' as at) at
on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
returning seq
