-- Looks at the next thousand recipients of the list after place $1. $2: most attempts; $3: whether the campaign may send.
with wanted as materialized (
    select w.seq, w.listed_at, w.look_at, p.state, p.claim_id, r.code,
        $3 and p.msisdn > 0 and p.attempts < $2::int and r.failed_at is not null and r.delivered_at is null
            and (p.state in ('accepted', 'unknown') or (p.state = 'failed' and p.reason_code = r.code))
            and (p.attempts = 1 or (p.state = 'accepted'
                and (select count(*) from attempt t
                    where t.campaign_id = {{campaign}} and t.campaign_id between {{first}} and {{last}} and t.seq = w.seq
                    and t.outcome in ('accepted', 'unknown')) = 1
                and not exists (
                    select from resolution s where s.campaign_id = {{campaign}} and s.seq = w.seq and s.to_state = 'retry')))
            as may_fall_back
    from template_fallback w
        left join lateral (
            select * from receipt
            where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = w.seq limit 1) r on true
        left join lateral (
            select * from recipient
            where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = w.seq limit 1) p on true
    where w.campaign_id = {{campaign}} and w.seq > $1
    order by w.seq limit 1000
-- Rows that a receipt lists again just now are skipped.
), held as materialized (
    select t.seq from template_fallback t join wanted w on w.seq = t.seq and w.look_at = t.look_at
    where t.campaign_id = {{campaign}}
    order by t.seq for update of t skip locked
-- Receipts are locked after the list and before everything else, as `ingest.rs` locks them.
), told as materialized (
    select r.seq from receipt r
    where r.campaign_id = {{campaign}} and r.campaign_id between {{first}} and {{last}} and r.seq = any(array(select seq from held))
        and r.failed_at is not null and r.delivered_at is null
    order by r.seq for update
-- Recipients that change just now are skipped.
), open as (
    select p.seq, p.claim_id, p.state, w.code
    from recipient p join wanted w on w.seq = p.seq and w.may_fall_back
    where p.campaign_id = {{campaign}} and p.campaign_id between {{first}} and {{last}} and p.seq = any(array(select seq from told)) and p.state = w.state
        and p.claim_id is not distinct from w.claim_id
    order by p.seq for update of p skip locked
), changed as (
    update recipient p set state = 'retry', reason_code = 'template_next', changed_at = clock_timestamp()
    from open
    where p.campaign_id = {{campaign}} and p.campaign_id between {{first}} and {{last}} and p.seq = any(array(select seq from open)) and p.seq = open.seq
), on_record as (
    insert into resolution (campaign_id, seq, claim_id, from_state, to_state, resolved_by, reason)
    select {{campaign}}, seq, claim_id, state, 'retry', 'receipt', code from open
-- The row is about the next message from now on.
), forgotten as (
    update receipt set sent_at = null, failed_at = null, code = null, follow_up = null, provider_message_id = null
    where campaign_id = {{campaign}} and campaign_id between {{first}} and {{last}} and seq = any(array(select seq from open))
), no_longer as (
    delete from unknown_recipient where campaign_id = {{campaign}} and seq = any(array(select seq from open))
), nothing_to_resolve as (
    delete from receipt_to_resolve where campaign_id = {{campaign}} and seq = any(array(select seq from open))
), due_now as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select {{campaign}}, open.seq, c.sender_id, clock_timestamp(), clock_timestamp()
    from open join campaign c on c.id = {{campaign}}
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
-- A recipient whose request is not recorded yet stays listed, and so does one that was skipped.
), looked_at as (
    select w.seq, w.listed_at, w.look_at,
        o.seq is not null or (w.state is distinct from 'sending' and w.may_fall_back is not true) as is_done
    from held join wanted w using (seq) left join open o using (seq)
), done as (
    delete from template_fallback
    where campaign_id = {{campaign}} and seq = any(array(select seq from looked_at where is_done))
-- The others wait longer the longer they are listed, up to a minute.
), postponed as (
    update template_fallback t
    set look_at = clock_timestamp() + least(greatest(clock_timestamp() - l.listed_at, interval '1 second'), interval '1 minute')
    from looked_at l
    where not l.is_done and t.campaign_id = {{campaign}} and t.seq = l.seq
)
select (select count(*) from open), (select max(seq) from wanted)
