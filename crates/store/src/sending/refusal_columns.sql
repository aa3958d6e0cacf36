-- Why nothing is granted, and for how long.
    (g.is_open or g.probe_armed{{or_probing_gate}}) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
        and (select is_confirmed from database) as open,
    (extract(epoch from greatest(g.tat, l.tat, g.paused_until, t.starts_at) - clock_timestamp() - {{max_ahead}})
        * 1000000)::bigint as wait_us,
    coalesce(t.is_divisible and t.span > {{longest}}, false) as is_too_long, t.slow_permits as at_permits,
    t.slow_per_us as at_per_us
