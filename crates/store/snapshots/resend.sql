with open as (
    select r.seq, r.claim_id, r.state from recipient r
    left join lateral (select * from receipt where campaign_id = $1 and seq = r.seq limit 1) t on true
    where r.campaign_id = $1 and r.seq > $2 and r.seq <= $8 and r.msisdn > 0 and case when $3
            then r.state = 'accepted' and t.failed_at is not null and t.delivered_at is null
                and not exists (select from resolution s where s.campaign_id = $1 and s.seq = r.seq and s.resolved_by = 'receipt'
                    and s.to_state = 'retry' and s.reason = t.code)
            else r.state = 'failed' end
        and coalesce(r.changed_at < $7, true) and ($4::text is null or $4 = case when $3 then t.code else r.reason_code end)
    order by r.seq for update of r
), opened as (
    update recipient r set state = 'retry', reason_code = 'resent', changed_at = clock_timestamp()
    from open where r.campaign_id = $1 and r.seq = open.seq
), on_record as (
    insert into resolution (campaign_id, seq, claim_id, from_state, to_state, resolved_by, reason, actor)
    select $1, seq, claim_id, state, 'retry', 'operator', $5, $6 from open
), due_now as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select $1, open.seq, c.sender_id, clock_timestamp(), clock_timestamp() from open join campaign c on c.id = $1
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
)
select count(*) from open
