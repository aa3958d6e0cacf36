with database as materialized (select is_confirmed() as is_confirmed), wanted as (
    select $1::bigint as n, 0::bigint as n_first from campaign
    where id = $5::bigint and may_send(state, deadline_at, opens_at, closes_at) and (select is_confirmed from database)
), campaign_limit as materialized (
    select l.permits, l.per_us, l.tat from campaign_gate l, wanted
    where l.campaign_id = $5::bigint and n > 0 for update of l
), gate as materialized (
    select g.*, n, n_first, pace_now(g.pace, g.slowed_at) as pace_now, day_now(g.day_zone) as today
    from wanted, (select count(*) from campaign_limit) locked_before, sender_gate g
    where g.sender_id = $2 and n > 0 for update of g
), terms as (
    select gate.*, rate.*,
        greatest(gate.tat, l.tat, gate.paused_until, clock_timestamp() + $3::bigint * interval '1 microsecond') as starts_at,
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
    where (is_open or probe_armed or coalesce(epoch = $4, false)) and starts_at <= clock_timestamp() + interval '500 milliseconds'
        and (not is_divisible or coalesce(span <= interval '250 milliseconds', true))
        and (daily_cap is null or used + n_first <= daily_cap)
), permit as (
    update sender_gate g
    set probe_armed = g.probe_armed and $4::bigint is not null, tat = coalesce(granted.starts_at + granted.span, g.tat), day = granted.today,
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
)
select p.*,     (g.is_open or g.probe_armed or coalesce(g.epoch = $4, false)) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
        and (select is_confirmed from database) as open,
    (extract(epoch from greatest(g.tat, l.tat, g.paused_until, t.starts_at) - clock_timestamp() - interval '500 milliseconds')
        * 1000000)::bigint as wait_us,
    coalesce(t.is_divisible and t.span > interval '250 milliseconds', false) as is_too_long, t.slow_permits as at_permits,
    t.slow_per_us as at_per_us from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id left join terms t on true left join permit p on true
where g.sender_id = $2 and c.id = $5::bigint
