with plain as materialized (
    select nextval('claim_id_seq') as claim_id, not c.definition ? 'template' as needs_window,
        coalesce(g.tat <= clock_timestamp() + interval '500 milliseconds' or g.permits is null) as has_room,
        (extract(epoch from g.tat - clock_timestamp() - interval '500 milliseconds') * 1000000)::bigint as wait_us, c.epoch as campaign_epoch,
    (extract(epoch from c.deadline_at - clock_timestamp()) * 1000)::bigint as time_left_ms,
    (extract(epoch from c.closes_at - clock_timestamp()) * 1000)::bigint as open_for_ms
    from sender_gate g cross join campaign c
    where g.sender_id = $2 and c.id = $5::bigint and (g.is_open and g.daily_cap is null and g.paused_until <= clock_timestamp()
    and pace_now(g.pace, g.slowed_at) >= 1) and (select is_confirmed())
        and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
        and not exists (select from campaign_gate where campaign_id = $5::bigint)
), listed as materialized (
    select ctid as place, msisdn from recipient_v0
    where campaign_id = $5::bigint and seq = any($1) and state = 'pending' and (select has_room from plain)
), known as materialized (
    select h.msisdn, (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms,
        case when h.last_inbound_at > greatest(clock_timestamp() - interval '23 hours 59 minutes', h.window_closed_at) then 'open'
            when h.last_inbound_at is not null or h.window_closed_at > clock_timestamp() - interval '1 day' then 'closed' end as window_state
    from conversation h where h.sender_id = $2 and h.msisdn = any(array(select msisdn from listed))
), barred as materialized (
    select distinct on (msisdn) msisdn, reason from (
        select s.msisdn, case s.reason when 'operator' then 'suppressed' else 'opted_out' end as reason, 1 as rank
        from suppression s
        where s.msisdn = any(array(select msisdn from listed)) and coalesce(s.sender_id, $2) = $2
        union all
        select msisdn, 'window_closed', 2 from known where window_state = 'closed' and (select needs_window from plain)
    ) reasons order by msisdn, rank
), changed as (
    update recipient_v0 r
    set state = case when r.msisdn in (select msisdn from barred) then 'skipped' else 'sending' end,
        claim_id = case when r.msisdn in (select msisdn from barred) then r.claim_id
            else (select claim_id from plain) end,
        attempts = r.attempts + (r.msisdn not in (select msisdn from barred))::int,
        reason_code = case when r.msisdn in (select msisdn from barred)
            then (select jsonb_object_agg(msisdn, reason) from barred) ->> r.msisdn::text else r.reason_code end,
        changed_at = clock_timestamp()
    where r.state = 'pending' and r.ctid = any(array(select place from listed))
    returning r.seq, r.msisdn, r.variables, r.attempts, r.state, r.calling_code
), claimed as (
    select count(*) as n, count(*) filter (where attempts = 1) as n_first, array_agg(seq) as seqs,
        array_agg(msisdn) as msisdns, array_agg(variables) as variables, array_agg(attempts) as attempts
    from changed where state = 'sending'
), skipped as (
    select calling_code, count(*) as n from changed
    where state = 'skipped' and exists (select from barred) group by calling_code
), left_out as (
    select coalesce(sum(n), 0)::bigint as n_skipped from skipped
), permit as (
    update sender_gate g
    set tat = greatest(g.tat, clock_timestamp()) + time_of(n, g.permits, g.per_us), day = day_now(g.day_zone),
        day_used = case when g.day = day_now(g.day_zone) then g.day_used else 0 end + n_first
    from claimed
    where g.sender_id = $2 and n > 0 and (g.is_open and g.daily_cap is null and g.paused_until <= clock_timestamp()
    and pace_now(g.pace, g.slowed_at) >= 1) and (g.permits is null or (
        g.tat <= clock_timestamp() + interval '500 milliseconds' and (n = 1 or time_of(n, g.permits, g.per_us) <= interval '250 milliseconds')))
    returning g.epoch, false as is_probe, g.permits as slow_permits, g.per_us as slow_per_us,
        coalesce(g.burst, 100) as burst, g.tat - time_of(n, g.permits, g.per_us) as starts_at,
        clock_timestamp() as permitted_at
), batch as (
    insert into claim (id, campaign_id, sender_id, worker, seqs, lease_until) overriding system value
    select plain.claim_id, $5::bigint, $2, $3, claimed.seqs, clock_timestamp() + $4 * interval '1 millisecond'
    from permit, plain, claimed
), no_longer_due as (
    delete from due where campaign_id = $5::bigint and exists (select from due where campaign_id = $5::bigint)
        and seq = any(array(select seq from changed))
), counted as (
    insert into counter_delta (campaign_id, kind, calling_code, n)
    select $5::bigint, 'sending', null::smallint, n from claimed where n > 0
    union all
    select $5::bigint, 'pending', null, -n - n_skipped from claimed, left_out where n + n_skipped > 0
    union all
    select $5::bigint, 'skipped', calling_code, n from skipped
)
select plain.*, permit.*, claimed.*, acquaintances.*, n_skipped,
    case when n > 0 and permit.epoch is null then give_back_claim() end
from claimed cross join left_out cross join (
    select array_agg(msisdn) as known, array_agg(window_state) as windows, array_agg(quiet_ms) as pauses from known
) acquaintances left join plain on true left join permit on true
