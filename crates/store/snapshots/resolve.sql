with wanted as (
    select seq, since from unknown_recipient
    where campaign_id = $1 and since <= clock_timestamp() - $2 * interval '1 second'
        and ($3::int[] is null or seq = any($3))
    order by since limit 5000 for update skip locked
), open as (
    select r.seq, r.claim_id, case when $4::bool and r.attempts < $5::int then 'retry' else 'failed' end as state
    from recipient r
    where r.campaign_id = $1 and r.seq = any(array(select seq from wanted)) and r.state = 'unknown'
    order by r.seq for update skip locked
), resolved as (
    update recipient r
    set state = open.state, changed_at = clock_timestamp(),
        reason_code = case when open.state = 'retry' then 'resent' when $4 then 'attempts_used_up' else $6 end
    from open where r.campaign_id = $1 and r.seq = open.seq
), on_record as (
    insert into resolution (campaign_id, seq, claim_id, from_state, to_state, resolved_by, reason, actor)
    select $1, seq, claim_id, 'unknown', state, $7, $8, $9 from open
), due_now as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select $1, open.seq, c.sender_id, clock_timestamp(), clock_timestamp()
    from open join campaign c on c.id = $1 where open.state = 'retry'
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
), no_longer as (
    delete from unknown_recipient
    where campaign_id = $1 and seq = any(array(select seq from open) || array(
        select w.seq from wanted w
        where (select r.state from recipient r where r.campaign_id = $1 and r.seq = w.seq) is distinct from 'unknown'))
)
select count(*) filter (where state = 'retry'), count(*) filter (where state = 'failed') from open
