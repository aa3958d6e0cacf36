-- Claims recipients $1 of a campaign and sender $2 for worker $3, for a lease of $4 milliseconds. Refused means that nothing is claimed.
with database as materialized (select is_confirmed() as is_confirmed), before as materialized (
    select (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
            and (select is_confirmed from database) as open,
        greatest(g.tat, l.tat, g.paused_until) <= clock_timestamp() + {{max_ahead}} as has_room,
        case when not g.is_open then 1
            when g.daily_cap is not null then
                greatest(g.daily_cap - case when g.day = day_now(g.day_zone) then g.day_used else 0 end, 0)
        end as at_most,
        not c.definition ? 'template' as needs_window
    from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id
    where g.sender_id = $2 and c.id = {{campaign}}
-- Locks the recipients that are due. A probe and a daily cap limit their number.
), due_now as (
    select seq, attempts, msisdn from recipient
    where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = any($1)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = {{campaign}} and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
        and (select open and has_room from before)
    order by ctid limit (select at_most from before)
    for update
-- Suppressed recipients and closed 24-hour windows. Lateral joins with a limit are look-ups by key whatever the statistics are.
), looked_at as materialized (
    select d.seq, d.attempts, w.window_state, w.quiet_ms, coalesce(
            (select case s.reason when 'operator' then 'suppressed' else 'opted_out' end
             from suppression s where s.msisdn = d.msisdn and coalesce(s.sender_id, $2) = $2 limit 1),
            case when w.window_state = 'closed' and (select needs_window from before) then 'window_closed' end) as barred
    from due_now d left join lateral (
        select case when h.last_inbound_at > greatest(clock_timestamp() - {{window}}, h.window_closed_at) then 'open'
                when h.last_inbound_at is not null or h.window_closed_at > clock_timestamp() - interval '1 day' then 'closed' end as window_state,
            (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms
        from conversation h where h.sender_id = $2 and h.msisdn = d.msisdn limit 1
    ) w on true
), allowed as (
    select seq, attempts from looked_at where barred is null
-- Takes permits for exactly the recipients that are left.
), wanted as (
    select count(*) as n, count(*) filter (where attempts = 0) as n_first from allowed
), {{permit_steps}}, batch as (
    insert into claim (campaign_id, sender_id, worker, seqs, lease_until)
    select {{campaign}}, $2, $3, (select array_agg(seq) from allowed), clock_timestamp() + $4 * interval '1 millisecond'
    from permit returning id, claimed_at
-- Recipients that must not be written to become `skipped` even if the claim is refused.
), marked as (
    update recipient r
    set state = case when l.barred is null then 'sending' else 'skipped' end,
        claim_id = case when l.barred is null then batch.id else r.claim_id end,
        attempts = r.attempts + (l.barred is null)::int, reason_code = coalesce(l.barred, r.reason_code),
        changed_at = coalesce(batch.claimed_at, clock_timestamp())
    from looked_at l left join batch on true
    where r.campaign_id = {{campaign}} and r.campaign_id between {{first}} and {{last}} and r.seq = l.seq and (l.barred is not null or batch.id is not null)
    returning r.seq, r.msisdn, r.variables, r.attempts, l.window_state, l.quiet_ms, l.barred
), no_longer_due as (
    delete from due where campaign_id = {{campaign}} and seq = any(array(select seq from marked))
-- One row of arrays, so that columns of the claim are sent once.
), claimed as (
    select array_agg(seq) as seqs, array_agg(msisdn) as msisdns, array_agg(variables) as variables,
        array_agg(attempts) as attempts, array_agg(msisdn) filter (where is_known) as known,
        array_agg(window_state) filter (where is_known) as windows, array_agg(quiet_ms) filter (where is_known) as pauses
    from (select *, num_nonnulls(window_state, quiet_ms) > 0 as is_known from marked where barred is null) m
)
select {{refusal_columns}}, before.has_room, {{of_campaign}},
    (select n from wanted) as n_due, exists (select from looked_at where barred is not null) as has_skipped,
    not g.is_open or g.daily_cap is not null as may_be_cut, b.id as claim_id, p.*, claimed.*
from {{refusal_from}} cross join before cross join claimed left join permit p on true left join batch b on true
where g.sender_id = $2 and c.id = {{campaign}}
