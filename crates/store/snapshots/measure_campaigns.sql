with claimed as materialized (
    select campaign_id, sum(cardinality(seqs)) as seqs from claim group by campaign_id
), running as (
    select c.sender_id, n.*, i.imported, coalesce(k.seqs, 0) as claimed
    from campaign c
    left join claimed k on k.campaign_id = c.id
    cross join lateral (
        select coalesce(sum(n) filter (where kind = 'pending'), 0) as pending,
            coalesce(sum(n) filter (where kind = 'sending'), 0) as sending,
            coalesce(sum(n) filter (where kind = 'retry'), 0) as retry,
            coalesce(sum(n) filter (where kind = 'accepted'), 0) as accepted,
            coalesce(sum(n) filter (where kind = 'failed'), 0) as failed,
            coalesce(sum(n) filter (where kind = 'unknown'), 0) as unknown,
            coalesce(sum(n) filter (where kind = 'skipped'), 0) as skipped,
            coalesce(sum(n) filter (where kind = 'expired'), 0) as expired,
            coalesce(sum(n) filter (where kind = 'cancelled'), 0) as cancelled
        from counter_now where campaign_id = c.id
    ) n
    cross join lateral (
        select coalesce(sum(uploaded - rejected - duplicates - suppressed - excluded), 0) as imported
        from import where campaign_id = c.id
    ) i
    where c.state in ('running', 'paused') and c.sender_id = any($1)
)
select s.name as sender, coalesce(sum(pending), 0)::float8 as pending, coalesce(sum(sending), 0)::float8 as sending,
    coalesce(sum(retry), 0)::float8 as retry, coalesce(sum(accepted), 0)::float8 as accepted,
    coalesce(sum(failed), 0)::float8 as failed, coalesce(sum(unknown), 0)::float8 as unknown,
    coalesce(sum(skipped), 0)::float8 as skipped, coalesce(sum(expired), 0)::float8 as expired,
    coalesce(sum(cancelled), 0)::float8 as cancelled,
    coalesce(sum(greatest(sending - claimed, 0)), 0)::float8 as sending_without_claim,
    coalesce(sum(abs(imported - pending - sending - retry - accepted - failed - unknown - skipped - expired - cancelled)), 0)::float8
        as conservation_difference
from sender s left join running r on r.sender_id = s.id
where s.id = any($1)
group by s.name
