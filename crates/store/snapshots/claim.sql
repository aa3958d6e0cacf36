with database as materialized (select is_confirmed() as is_confirmed), before as materialized (
    select (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
            and (select is_confirmed from database) as open,
        greatest(g.tat, l.tat, g.paused_until) <= clock_timestamp() + interval '500 milliseconds' as has_room,
        case when not g.is_open then 1
            when g.daily_cap is not null then
                greatest(g.daily_cap - case when g.day = day_now(g.day_zone) then g.day_used else 0 end, 0)
        end as at_most,
        not c.definition ? 'template' as needs_window
    from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id
    where g.sender_id = $2 and c.id = $5::bigint
), due_now as (
    select seq, attempts, msisdn from recipient
    where campaign_id = $5::bigint and campaign_id between 0 and 9999 and seq = any($1)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = $5::bigint and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
        and (select open and has_room from before)
    order by ctid limit (select at_most from before)
    for update
), looked_at as materialized (
    select d.seq, d.attempts, w.window_state, w.quiet_ms, coalesce(
            (select case s.reason when 'operator' then 'suppressed' else 'opted_out' end
             from suppression s where s.msisdn = d.msisdn and coalesce(s.sender_id, $2) = $2 limit 1),
            case when w.window_state = 'closed' and (select needs_window from before) then 'window_closed' end) as barred
    from due_now d left join lateral (
        select case when h.last_inbound_at > greatest(clock_timestamp() - interval '23 hours 59 minutes', h.window_closed_at) then 'open'
                when h.last_inbound_at is not null or h.window_closed_at > clock_timestamp() - interval '1 day' then 'closed' end as window_state,
            (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms
        from conversation h where h.sender_id = $2 and h.msisdn = d.msisdn limit 1
    ) w on true
), allowed as (
    select seq, attempts from looked_at where barred is null
), wanted as (
    select count(*) as n, count(*) filter (where attempts = 0) as n_first from allowed
), campaign_limit as materialized (
    select l.permits, l.per_us, l.tat from campaign_gate l, wanted
    where l.campaign_id = $5::bigint and n > 0 for update of l
), gate as materialized (
    select g.*, n, n_first, pace_now(g.pace, g.slowed_at) as pace_now, day_now(g.day_zone) as today
    from wanted, (select count(*) from campaign_limit) locked_before, sender_gate g
    where g.sender_id = $2 and n > 0 for update of g
), terms as (
    select gate.*, rate.*,
        greatest(gate.tat, l.tat, gate.paused_until, clock_timestamp()) as starts_at,
        case when rate.slow_permits is not null then
            least(time_of(n, rate.slow_permits, rate.slow_per_us),
                time_of(n, rate.slow_permits, coalesce(gate.per_us, 1000000)) + interval '30 seconds')
        end as span,
        (n * l.per_us + l.permits - 1) / l.permits * interval '1 microsecond' as campaign_span,
        case when day = today then day_used else 0 end as used, n > 1 as is_divisible
    from gate cross join lateral (
        select coalesce(permits, case when pace_now < 1 then 1000 end) as slow_permits,
            ceil(coalesce(per_us, 1000000) / pace_now)::bigint as slow_per_us
    ) rate left join campaign_limit l on true
), granted as (
    select *, is_open and used + n_first >= daily_cap as is_capped from terms
    where (is_open or probe_armed) and starts_at <= clock_timestamp() + interval '500 milliseconds'
        and (not is_divisible or coalesce(span <= interval '250 milliseconds', true))
        and (daily_cap is null or used + n_first <= daily_cap)
), permit as (
    update sender_gate g
    set probe_armed = false, tat = coalesce(granted.starts_at + granted.span, g.tat), day = granted.today,
        day_used = granted.used + granted.n_first, is_open = g.is_open and granted.is_capped is not true
    from granted where g.sender_id = $2
    returning g.epoch, not granted.is_open as is_probe, granted.slow_permits, granted.slow_per_us,
        coalesce(g.burst, 100) as burst,
        granted.starts_at, clock_timestamp() as permitted_at
), campaign_permit as (
    update campaign_gate l set tat = granted.starts_at + granted.campaign_span
    from granted where l.campaign_id = $5::bigint
), capped as (
    insert into hold (sender_id, reason, detail, until, caused_by)
    select $2, 'daily_cap', format('%s recipients a day', daily_cap), (today + 1)::timestamp at time zone day_zone,
        'the daily cap'
    from granted where is_capped
), batch as (
    insert into claim (campaign_id, sender_id, worker, seqs, lease_until)
    select $5::bigint, $2, $3, (select array_agg(seq) from allowed), clock_timestamp() + $4 * interval '1 millisecond'
    from permit returning id, claimed_at
), marked as (
    update recipient r
    set state = case when l.barred is null then 'sending' else 'skipped' end,
        claim_id = case when l.barred is null then batch.id else r.claim_id end,
        attempts = r.attempts + (l.barred is null)::int, reason_code = coalesce(l.barred, r.reason_code),
        changed_at = coalesce(batch.claimed_at, clock_timestamp())
    from looked_at l left join batch on true
    where r.campaign_id = $5::bigint and r.campaign_id between 0 and 9999 and r.seq = l.seq and (l.barred is not null or batch.id is not null)
    returning r.seq, r.msisdn, r.variables, r.attempts, l.window_state, l.quiet_ms, l.barred
), no_longer_due as (
    delete from due where campaign_id = $5::bigint and seq = any(array(select seq from marked))
), claimed as (
    select array_agg(seq) as seqs, array_agg(msisdn) as msisdns, array_agg(variables) as variables,
        array_agg(attempts) as attempts, array_agg(msisdn) filter (where is_known) as known,
        array_agg(window_state) filter (where is_known) as windows, array_agg(quiet_ms) filter (where is_known) as pauses
    from (select *, num_nonnulls(window_state, quiet_ms) > 0 as is_known from marked where barred is null) m
)
select     (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
        and (select is_confirmed from database) as open,
    (extract(epoch from greatest(g.tat, l.tat, g.paused_until, t.starts_at) - clock_timestamp() - interval '500 milliseconds')
        * 1000000)::bigint as wait_us,
    coalesce(t.is_divisible and t.span > interval '250 milliseconds', false) as is_too_long, t.slow_permits as at_permits,
    t.slow_per_us as at_per_us, before.has_room, c.epoch as campaign_epoch,
    (extract(epoch from c.deadline_at - clock_timestamp()) * 1000)::bigint as time_left_ms,
    (extract(epoch from c.closes_at - clock_timestamp()) * 1000)::bigint as open_for_ms,
    (select n from wanted) as n_due, exists (select from looked_at where barred is not null) as has_skipped,
    not g.is_open or g.daily_cap is not null as may_be_cut, b.id as claim_id, p.*, claimed.*
from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id left join terms t on true cross join before cross join claimed left join permit p on true left join batch b on true
where g.sender_id = $2 and c.id = $5::bigint
