-- Looks at the next thousand recipients of the list after place $1.
with wanted as materialized (
    select t.seq, t.listed_at, t.look_at, h.has_it, r.code, r.provider_message_id, p.state,
        (p.state in ('unknown', 'retry', 'pending') and h.has_it)
            or ((p.state, p.attempts) in (('unknown', 1), ('pending', 0)) and r.failed_at is not null) as may_resolve
    from receipt_to_resolve t
        left join lateral (
            select * from receipt
            where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = t.seq limit 1) r on true
        left join lateral (
            select * from recipient
            where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = t.seq limit 1) p on true
-- A late `sent` may be about the flow that was not delivered, if the template was to be sent after it.
        cross join lateral (select r.delivered_at is not null or (r.sent_at is not null and not exists (
            select from resolution s where s.campaign_id = {{campaign}} and s.seq = t.seq and s.resolved_by = 'receipt'
                and s.to_state = 'retry')) as has_it) h
    where t.campaign_id = {{campaign}} and t.seq > $1
    order by t.seq limit 1000
-- Rows that a receipt lists again just now are skipped: that receipt may not be visible here.
), held as materialized (
    select t.seq from receipt_to_resolve t join wanted w on w.seq = t.seq and w.look_at = t.look_at
    where t.campaign_id = {{campaign}}
    order by t.seq for update of t skip locked
-- Recipients that a worker records just now are skipped.
), open as (
    select p.seq, p.claim_id, p.state, w.has_it, w.code, w.provider_message_id,
        case when w.has_it then 'accepted' else 'failed' end as to_state
    from recipient p join wanted w on w.seq = p.seq and w.may_resolve
    where p.campaign_id = {{campaign}} and p.campaign_id between {{first}} and {{last}} and p.seq = any(array(select seq from held))
        and ((p.state in ('unknown', 'retry', 'pending') and w.has_it)
            or (p.state, p.attempts) in (('unknown', 1), ('pending', 0)))
    order by p.seq for update of p skip locked
), resolved as (
    update recipient p
    set state = open.to_state, changed_at = clock_timestamp(),
        reason_code = case when open.has_it then null else open.code end
    from open
    where p.campaign_id = {{campaign}} and p.campaign_id between {{first}} and {{last}} and p.seq = any(array(select seq from open)) and p.seq = open.seq
), on_record as (
    insert into resolution (campaign_id, seq, claim_id, from_state, to_state, resolved_by, reason, provider_message_id)
    select {{campaign}}, seq, claim_id, state, to_state, 'receipt',
        case when has_it then 'the provider has it' else code end, provider_message_id
    from open
), no_longer as (
    delete from unknown_recipient where campaign_id = {{campaign}} and seq = any(array(select seq from open))
), not_again as (
    delete from due where campaign_id = {{campaign}} and seq = any(array(select seq from open))
-- Which rows leave the list: no stored receipt can resolve them any more.
), looked_at as (
    select w.seq, w.listed_at, w.look_at,
        coalesce(w.state not in ('pending', 'sending', 'unknown', 'retry'), true) or o.seq is not null
            or (w.state = 'unknown' and not w.may_resolve) as is_done
    from held join wanted w using (seq) left join open o using (seq)
), done as (
    delete from receipt_to_resolve
    where campaign_id = {{campaign}} and seq = any(array(select seq from looked_at where is_done)) returning seq
-- The others wait longer the longer they are listed, up to a minute.
), postponed as (
    update receipt_to_resolve t
    set look_at = clock_timestamp() + least(greatest(clock_timestamp() - l.listed_at, interval '1 second'), interval '1 minute')
    from looked_at l
    where not l.is_done and l.look_at <= clock_timestamp() and t.campaign_id = {{campaign}} and t.seq = l.seq
-- Answers get the time at which the message left.
), asked as (
    update flow_answer a
    set asked_at = left_at.first
    from done, lateral (
        select min(t.sent_at) as first from attempt t
        where t.campaign_id = {{campaign}} and t.campaign_id between {{first}} and {{last}}
            and t.seq = done.seq and t.outcome in ('accepted', 'unknown')) left_at
    where a.campaign_id = {{campaign}} and a.campaign_id between {{first}} and {{last}} and a.seq = any(array(select seq from done)) and a.seq = done.seq
        and a.asked_at is distinct from left_at.first
)
select (select count(*) from open), (select max(seq) from wanted)
