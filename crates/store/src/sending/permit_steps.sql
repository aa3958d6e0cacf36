-- Takes permits for `n` recipients, `n_first` of them for the first time (step `wanted`), of campaign and sender $2: all or none.
campaign_limit as materialized (
    select l.permits, l.per_us, l.tat from campaign_gate l, wanted
    where l.campaign_id = {{campaign}} and n > 0 for update of l
-- The campaign's limit is locked before the gate of its sender.
), gate as materialized (
    select g.*, n, n_first, pace_now(g.pace, g.slowed_at) as pace_now, day_now(g.day_zone) as today
    from wanted, (select count(*) from campaign_limit) locked_before, sender_gate g
    where g.sender_id = $2 and n > 0 for update of g
-- When the first slot would be and how long the slots take, at the reduced rate if the provider throttles.
), terms as (
    select gate.*, rate.*,
        greatest(gate.tat, l.tat, gate.paused_until, {{earliest}}) as starts_at,
        case when rate.slow_permits is not null then
            least(time_of(n, rate.slow_permits, rate.slow_per_us),
                time_of(n, rate.slow_permits, coalesce(gate.per_us, 1000000)) + {{regained}})
        end as span,
        (n * l.per_us + l.permits - 1) / l.permits * interval '1 microsecond' as campaign_span,
        case when day = today then day_used else 0 end as used, n > 1 as is_divisible
    from gate cross join lateral (
        select coalesce(permits, case when pace_now < 1 then 1000 end) as slow_permits,
            ceil(coalesce(per_us, 1000000) / pace_now)::bigint as slow_per_us
    ) rate left join campaign_limit l on true
-- No row: refused.
), granted as (
    select *, is_open and used + n_first >= daily_cap as is_capped from terms
    where (is_open or probe_armed{{or_probing}}) and starts_at <= clock_timestamp() + {{max_ahead}}
        and (not is_divisible or coalesce(span <= {{longest}}, true))
        and (daily_cap is null or used + n_first <= daily_cap)
), permit as (
    update sender_gate g
    set probe_armed = {{probe_stays_armed}}, tat = coalesce(granted.starts_at + granted.span, g.tat), day = granted.today,
        day_used = granted.used + granted.n_first, is_open = g.is_open and granted.is_capped is not true
    from granted where g.sender_id = $2
    returning g.epoch, not granted.is_open as is_probe, granted.slow_permits, granted.slow_per_us,
        coalesce(g.burst, 100) as burst,
        granted.starts_at, clock_timestamp() as permitted_at
), campaign_permit as (
    update campaign_gate l set tat = granted.starts_at + granted.campaign_span
    from granted where l.campaign_id = {{campaign}}
-- These permits use up the daily cap: the sender is stopped until its day ends.
), capped as (
    insert into hold (sender_id, reason, detail, until, caused_by)
    select $2, 'daily_cap', format('%s recipients a day', daily_cap), (today + 1)::timestamp at time zone day_zone,
        'the daily cap'
    from granted where is_capped
)
