with o as (
    select * from unnest($1::bigint[], $2::int[]) as o (claim_id, seq)
), lost as materialized (
    select o.seq
    from o join recipient r on r.seq = o.seq
    where r.campaign_id = $4::bigint and r.campaign_id between 0 and 9999 and r.seq = any($2) and not exists (
        select from attempt a
        where a.campaign_id = $4::bigint and a.campaign_id between 0 and 9999 and a.seq = o.seq
            and a.claim_id = o.claim_id)
), taken as (
    update recipient r
    set state = 'sending', claim_id = o.claim_id, attempts = r.attempts + 1, changed_at = clock_timestamp()
    from o
    where r.campaign_id = $4::bigint and r.campaign_id between 0 and 9999 and r.seq = o.seq
        and coalesce(r.claim_id, 0) < o.claim_id and r.state in ('pending', 'retry', 'sending', 'unknown')
    returning r.seq, r.claim_id, r.attempts
), no_longer_due as (
    delete from due where campaign_id = $4::bigint and seq = any(array(select seq from taken))
), in_time as (
    update attempt a set late = false from taken t
    where a.campaign_id = $4::bigint and a.campaign_id between 0 and 9999 and a.seq = t.seq
        and a.claim_id = t.claim_id and a.late
), used as (
    update sender_gate g set day_used = day_used + n
    from (select count(*) as n from taken where attempts = 1) first
    where g.sender_id = $3 and n > 0 and g.daily_cap is not null and g.day = day_now(g.day_zone)
)
select array(select seq from lost union select seq from taken)
