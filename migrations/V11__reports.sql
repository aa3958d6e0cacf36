-- The analyst's views. Their names and columns are a stable interface, described in docs/REPORTS.md; everything else in this
-- database is not. Totals come from the tallies (V6), so they cost the same for ten recipients and for ten million.
create schema report;
comment on schema report is 'the analyst''s views; see docs/REPORTS.md';

-- When the personal data of a campaign was erased, and when its recipients, attempts, receipts and answers were dropped.
alter table campaign add column erased_at timestamptz, add column archived_at timestamptz;

-- Tallies of what comes back, as those of V6.

-- People who answered, so that two answers of one person that come at once count as one person.
create table answered (
    campaign_id bigint not null,
    seq integer not null,
    primary key (campaign_id, seq)
);

create function tally_receipts() returns trigger language plpgsql as $$
begin
    if TG_OP in ('UPDATE', 'INSERT') then
        insert into tally_delta (campaign_id, kind, minute, code, n)
        select r.campaign_id, e.kind, e.minute, e.code, count(*)
        from rows_now r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e group by 1, 2, 3, 4;
    end if;
    if TG_OP in ('UPDATE', 'DELETE') then
        insert into tally_delta (campaign_id, kind, minute, code, n)
        select r.campaign_id, e.kind, e.minute, e.code, -count(*)
        from rows_before r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e group by 1, 2, 3, 4;
    end if;
    return null;
end $$;

-- What of one receipt is counted: each stage at its minute; a failure only where nothing was delivered.
create function receipt_events(delivered_at timestamptz, read_at timestamptz, failed_at timestamptz, failure text)
returns table (kind text, minute timestamptz, code text) language sql immutable parallel safe as $$
    select e.kind, minute_of(e.at), e.code
    from (values ('delivered', delivered_at, null), ('read', read_at, null),
        ('undelivered', case when delivered_at is null then failed_at end, failure)) as e (kind, at, code)
    where e.at is not null
$$;

create trigger tally_updated after update on receipt referencing old table as rows_before new table as rows_now
    for each statement execute function tally_receipts();
create trigger tally_inserted after insert on receipt referencing new table as rows_now
    for each statement execute function tally_receipts();
create trigger tally_deleted after delete on receipt referencing old table as rows_before
    for each statement execute function tally_receipts();

-- What a receipt counts as among those that speak of billing. Providers bill what was delivered.
create function billing_kind(billable boolean, delivered_at timestamptz) returns text language sql immutable parallel safe
    return case when not billable then 'not_billable' when delivered_at is not null and billable then 'billable' end;

-- Apart from tally_receipts, and first of all a look whether anything was said: many providers say nothing of billing.
create function tally_billing() returns trigger language plpgsql as $$
begin
    if TG_OP = 'UPDATE' then
        if not exists (select from rows_now where billable is not null)
            and not exists (select from rows_before where billable is not null) then
            return null;
        end if;
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, kind, calling_code, sum(n)
        from (
            select campaign_id, billing_kind(billable, delivered_at) as kind, calling_code, 1 as n
            from rows_now where billable is not null
            union all
            select campaign_id, billing_kind(billable, delivered_at), calling_code, -1 from rows_before where billable is not null
        ) changed
        where kind is not null and calling_code is not null
        group by campaign_id, kind, calling_code having sum(n) <> 0;
    elsif TG_OP = 'INSERT' then
        if not exists (select from rows_now where billable is not null) then
            return null;
        end if;
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, billing_kind(billable, delivered_at), calling_code, count(*) from rows_now
        where billing_kind(billable, delivered_at) is not null and calling_code is not null group by 1, 2, 3;
    else
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, billing_kind(billable, delivered_at), calling_code, -count(*) from rows_before
        where billing_kind(billable, delivered_at) is not null and calling_code is not null group by 1, 2, 3;
    end if;
    return null;
end $$;
create trigger tally_billing_updated after update on receipt referencing old table as rows_before new table as rows_now
    for each statement execute function tally_billing();
create trigger tally_billing_inserted after insert on receipt referencing new table as rows_now
    for each statement execute function tally_billing();
create trigger tally_billing_deleted after delete on receipt referencing old table as rows_before
    for each statement execute function tally_billing();

create function tally_answers() returns trigger language plpgsql as $$
begin
    insert into tally_delta (campaign_id, kind, minute, n)
    select campaign_id, 'answer', minute_of(answered_at), count(*) from rows_now group by 1, 3;
    with first_answers as (
        insert into answered (campaign_id, seq) select distinct campaign_id, seq from rows_now order by 1, 2
        on conflict do nothing returning campaign_id
    )
    insert into tally_delta (campaign_id, kind, n)
    select campaign_id, 'answered', count(*) from first_answers group by 1;
    return null;
end $$;
create trigger tally_inserted after insert on flow_answer referencing new table as rows_now
    for each statement execute function tally_answers();

-- Where the tallies are not what a full count gives: no rows at any moment. It reads every table whole, in one snapshot.
create view tally_check as
with counted as (
    select campaign_id, state as kind, count(*) as n from recipient group by 1, 2
    union all select campaign_id, 'recipient', count(*) from recipient group by 1
    union all select campaign_id, 'attempt_' || outcome, count(*) from attempt group by 1, 2
    union all
    select r.campaign_id, e.kind, count(*)
    from receipt r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e group by 1, 2
    union all select campaign_id, 'answer', count(*) from flow_answer group by 1
    union all select campaign_id, 'answered', count(distinct seq) from flow_answer group by 1
    union all
    select campaign_id, state || ' of +' || calling_code, count(*) from recipient where is_by_country(state)
    group by campaign_id, state, calling_code
    union all
    select campaign_id, 'recipient of +' || calling_code, count(*) from recipient group by campaign_id, calling_code
    union all
    select b.campaign_id, k.kind, count(*)
    from receipt b cross join lateral (
        select billing_kind(billable, delivered_at) as kind
        union all select billing_kind(billable, delivered_at) || ' of +' || calling_code
    ) k
    where k.kind is not null and calling_code is not null group by 1, 2
), kept as (
    select campaign_id, kind, n from tally_now
    union all select campaign_id, kind || ' of +' || calling_code, n from tally_by_country_now
)
select coalesce(c.campaign_id, t.campaign_id) as campaign_id, coalesce(c.kind, t.kind) as kind,
    coalesce(c.n, 0) as counted, coalesce(t.n, 0) as kept
from counted c full join kept t on t.campaign_id = c.campaign_id and t.kind = c.kind
where coalesce(c.n, 0) <> coalesce(t.n, 0)
    and not exists (
        select from campaign a where a.id = coalesce(c.campaign_id, t.campaign_id) and a.archived_at is not null);

-- What our own codes mean; a provider's code has its words in the attempt.
create function reason_words(code text) returns text language sql immutable parallel safe
    return case code
        when 'worker_died' then 'the worker died between sending and recording'
        when 'resent' then 'was unknown, is sent to again'
        when 'attempts_used_up' then 'was unknown, and no attempt was left'
        when 'unknown_given_up' then 'was unknown, and was given up'
        when 'deadline' then 'the deadline of the campaign passed'
        when 'campaign_cancelled' then 'the campaign was cancelled'
        when 'suppressed' then 'must not be written to: an operator decided'
        when 'opted_out' then 'must not be written to: opted out'
        when 'erased' then 'the number was erased'
        when 'recipient_hours' then 'it was no time for messages where the recipient is'
        when 'hours_over' then 'the sending hours ended before the message left'
        when 'had_enough' then 'the provider withholds messages to this person for a day after a refusal'
        when 'pair_limit' then 'somebody wrote to this recipient moments before; WhatsApp wants a pause'
        when 'slot_missed' then 'the worker stood still, and there was no new slot for it'
        when 'lease_ended' then 'the worker stood still too long to send in time'
        when 'window_closed' then 'the 24-hour window is closed, and the campaign has no template'
    end;

-- A number that says the country and nothing more that leads to a person.
create function masked(msisdn bigint, calling_code smallint) returns text language sql immutable parallel safe
    return case when msisdn > 0 then calling_code
        || repeat('*', greatest(length(msisdn::text) - length(calling_code::text) - 2, 0)) || right(msisdn::text, 2) end;

-- Whether the reader may see numbers: members of flowcast_report_numbers, and whoever owns the tables.
create function report.sees_numbers() returns boolean language sql stable
    return coalesce((
        select bool_or(pg_has_role(current_user, r.oid, 'usage')) from pg_catalog.pg_roles r
        where r.rolname = 'flowcast_report_numbers'
            or r.oid = (select relowner from pg_catalog.pg_class where oid = 'public.recipient'::regclass)), false);

-- What went wrong is few rows among many; only those are in this index.
create index attempt_by_reason on attempt (campaign_id, outcome, reason_code, seq) where outcome <> 'accepted';

-- What a message to a country costs in a campaign, by the prices it was started with.
create view report.country as
with t as (
    select campaign_id, calling_code,
        coalesce(sum(n) filter (where kind = 'recipient'), 0)::bigint as recipients,
        coalesce(sum(n) filter (where kind = 'accepted'), 0)::bigint as accepted,
        coalesce(sum(n) filter (where kind = 'failed'), 0)::bigint as failed,
        coalesce(sum(n) filter (where kind = 'unknown'), 0)::bigint as unknown,
        coalesce(sum(n) filter (where kind = 'skipped'), 0)::bigint as skipped,
        coalesce(sum(n) filter (where kind = 'expired'), 0)::bigint as expired,
        coalesce(sum(n) filter (where kind = 'cancelled'), 0)::bigint as cancelled,
        coalesce(sum(n) filter (where kind = 'billable'), 0)::bigint as billable,
        coalesce(sum(n) filter (where kind = 'not_billable'), 0)::bigint as not_billable
    from tally_by_country_now group by campaign_id, calling_code
)
select t.campaign_id, t.calling_code::text as calling_code, t.recipients, t.accepted, t.failed, t.unknown, t.skipped,
    t.expired, t.cancelled,
    t.recipients - t.accepted - t.failed - t.unknown - t.skipped - t.expired - t.cancelled as waiting,
    t.billable, t.not_billable, l.currency, trim_scale(coalesce(p.price, l.default_price)) as price,
    trim_scale(t.accepted * coalesce(p.price, l.default_price)) as cost_estimated,
    case when t.billable + t.not_billable > 0 then trim_scale(t.billable * coalesce(p.price, l.default_price)) end as cost_billed
from t
join campaign c on c.id = t.campaign_id
left join price_list l on l.id = c.price_list_id
left join price p on p.price_list_id = l.id and p.calling_code = t.calling_code;

create view report.campaign as
with t as (
    select campaign_id,
        coalesce(sum(n) filter (where kind = 'pending'), 0)::bigint as pending,
        coalesce(sum(n) filter (where kind = 'sending'), 0)::bigint as sending,
        coalesce(sum(n) filter (where kind = 'retry'), 0)::bigint as retry,
        coalesce(sum(n) filter (where kind = 'accepted'), 0)::bigint as accepted,
        coalesce(sum(n) filter (where kind = 'failed'), 0)::bigint as failed,
        coalesce(sum(n) filter (where kind = 'unknown'), 0)::bigint as unknown,
        coalesce(sum(n) filter (where kind = 'skipped'), 0)::bigint as skipped,
        coalesce(sum(n) filter (where kind = 'expired'), 0)::bigint as expired,
        coalesce(sum(n) filter (where kind = 'cancelled'), 0)::bigint as cancelled,
        coalesce(sum(n) filter (where kind like 'attempt\_%'), 0)::bigint as attempts,
        coalesce(sum(n) filter (where kind = 'delivered'), 0)::bigint as delivered,
        coalesce(sum(n) filter (where kind = 'read'), 0)::bigint as read,
        coalesce(sum(n) filter (where kind = 'undelivered'), 0)::bigint as undelivered,
        coalesce(sum(n) filter (where kind = 'answer'), 0)::bigint as answers,
        coalesce(sum(n) filter (where kind = 'answered'), 0)::bigint as answered,
        min(first_at) as first_sent_at, max(last_at) as last_sent_at, max(recorded_at) as last_recorded_at
    from tally_now group by campaign_id
), i as (
    select campaign_id, sum(uploaded) as uploaded, sum(rejected) as rejected, sum(duplicates) as duplicates,
        sum(suppressed) as suppressed, sum(excluded) as excluded
    from import group by campaign_id
), k as (
    select campaign_id, sum(billable)::bigint as billable, sum(not_billable)::bigint as not_billable,
        coalesce(sum(accepted) filter (where price is null), 0)::bigint as unpriced,
        sum(cost_estimated) as cost_estimated, sum(price * billable) as cost_billed,
        bool_and(price is not null or accepted = 0) as has_prices, bool_and(price is not null or billable = 0) as has_billed_prices
    from report.country group by campaign_id
)
select c.id as campaign_id, c.name, s.name as sender, s.provider, c.state, c.created_at, c.started_at, c.finished_at,
    coalesce(i.uploaded, 0)::bigint as uploaded, coalesce(i.rejected, 0)::bigint as rejected,
    coalesce(i.duplicates, 0)::bigint as duplicates, coalesce(i.suppressed, 0)::bigint as suppressed,
    coalesce(i.excluded, 0)::bigint as excluded, c.recipients,
    coalesce(t.pending, 0) as pending, coalesce(t.sending, 0) as sending, coalesce(t.retry, 0) as retry,
    coalesce(t.accepted, 0) as accepted, coalesce(t.failed, 0) as failed, coalesce(t.unknown, 0) as unknown,
    coalesce(t.skipped, 0) as skipped, coalesce(t.expired, 0) as expired, coalesce(t.cancelled, 0) as cancelled,
    coalesce(t.attempts, 0) as attempts, t.first_sent_at, t.last_sent_at, t.last_recorded_at,
    round(t.attempts / nullif(extract(epoch from t.last_recorded_at - t.first_sent_at), 0), 1) as requests_per_second,
    coalesce(t.delivered, 0) as delivered, coalesce(t.read, 0) as read, coalesce(t.undelivered, 0) as undelivered,
    coalesce(t.answers, 0) as answers, coalesce(t.answered, 0) as answered, c.erased_at, c.archived_at,
    coalesce(k.billable, 0) as billable, coalesce(k.not_billable, 0) as not_billable, l.currency,
    case when l.id is not null and coalesce(k.has_prices, true) then trim_scale(coalesce(k.cost_estimated, 0)) end as cost_estimated,
    case when l.id is not null and k.has_billed_prices and k.billable + k.not_billable > 0
        then trim_scale(coalesce(k.cost_billed, 0)) end as cost_billed,
    coalesce(k.unpriced, 0) as unpriced
from campaign c
join sender s on s.id = c.sender_id
left join i on i.campaign_id = c.id
left join t on t.campaign_id = c.id
left join price_list l on l.id = c.price_list_id
left join k on k.campaign_id = c.id;

create view report.conservation as
select campaign_id, uploaded, rejected, duplicates, suppressed, excluded, pending, sending, retry, accepted, failed, unknown,
    skipped, expired, cancelled,
    uploaded - rejected - duplicates - suppressed - excluded - pending - sending - retry - accepted - failed - unknown
        - skipped - expired - cancelled as difference
from report.campaign;

create view report.funnel as
select campaign_id, name, uploaded, recipients, accepted, delivered, read, answered,
    round(100.0 * accepted / nullif(recipients, 0), 1) as accepted_pct,
    round(100.0 * delivered / nullif(accepted, 0), 1) as delivered_pct,
    round(100.0 * read / nullif(delivered, 0), 1) as read_pct,
    round(100.0 * answered / nullif(delivered, 0), 1) as answered_pct
from report.campaign;

create view report.sender as
with c as (
    select sender, count(*) as campaigns, count(*) filter (where state = 'running') as running, sum(pending + retry)
        filter (where state in ('running', 'paused')) as waiting, sum(sending) as sending, sum(accepted) as accepted,
        sum(failed) as failed, sum(unknown) as unknown, sum(attempts) as attempts, sum(delivered) as delivered,
        max(last_sent_at) as last_sent_at
    from report.campaign group by sender
)
select s.name as sender, s.provider, g.is_open, h.reason as stopped_for, h.since as stopped_since,
    round(g.permits * 1000000.0 / g.per_us, 2) as requests_per_second_allowed, g.daily_cap,
    case when g.day = day_now(g.day_zone) then g.day_used else 0 end as day_used,
    coalesce(c.campaigns, 0) as campaigns, coalesce(c.running, 0) as running, coalesce(c.waiting, 0)::bigint as waiting,
    coalesce(c.sending, 0)::bigint as sending, coalesce(c.accepted, 0)::bigint as accepted,
    coalesce(c.failed, 0)::bigint as failed, coalesce(c.unknown, 0)::bigint as unknown,
    coalesce(c.attempts, 0)::bigint as attempts, coalesce(c.delivered, 0)::bigint as delivered, c.last_sent_at
from sender s join sender_gate g on g.sender_id = s.id
left join hold h on h.sender_id = s.id and h.campaign_id is null and h.ended_at is null
left join c on c.sender = s.name;

create view report.timeline as
select campaign_id, minute,
    coalesce(sum(n) filter (where kind like 'attempt\_%'), 0)::bigint as sent,
    coalesce(sum(n) filter (where kind = 'attempt_accepted'), 0)::bigint as accepted,
    coalesce(sum(n) filter (where kind = 'attempt_failed'), 0)::bigint as failed,
    coalesce(sum(n) filter (where kind = 'attempt_retry'), 0)::bigint as retry,
    coalesce(sum(n) filter (where kind = 'attempt_throttled'), 0)::bigint as throttled,
    coalesce(sum(n) filter (where kind = 'attempt_unknown'), 0)::bigint as unknown,
    coalesce(sum(n) filter (where kind = 'attempt_held'), 0)::bigint as held,
    coalesce(sum(n) filter (where kind = 'delivered'), 0)::bigint as delivered,
    coalesce(sum(n) filter (where kind = 'read'), 0)::bigint as read,
    coalesce(sum(n) filter (where kind = 'undelivered'), 0)::bigint as undelivered,
    coalesce(sum(n) filter (where kind = 'answer'), 0)::bigint as answers
from tally_by_minute_now group by campaign_id, minute;

create view report.timeline_by_hour as
select campaign_id, date_bin('1 hour', minute, 'epoch') as hour, sum(sent)::bigint as sent, sum(accepted)::bigint as accepted,
    sum(failed)::bigint as failed, sum(retry)::bigint as retry, sum(throttled)::bigint as throttled,
    sum(unknown)::bigint as unknown, sum(held)::bigint as held, sum(delivered)::bigint as delivered,
    sum(read)::bigint as read, sum(undelivered)::bigint as undelivered, sum(answers)::bigint as answers
from report.timeline group by campaign_id, date_bin('1 hour', minute, 'epoch');

create view report.error as
select campaign_id, case kind when 'undelivered' then 'receipt' else 'request' end as stage,
    replace(kind, 'attempt_', '') as class, code,
    case kind when 'undelivered' then (
        select w.words from campaign c join sender s on s.id = c.sender_id join failure_code w on w.provider = s.provider
        where c.id = t.campaign_id and w.code = t.code) else (
        select reason_text from attempt a
        where a.campaign_id = t.campaign_id and a.outcome = replace(t.kind, 'attempt_', '') and a.reason_code = t.code
            and a.outcome <> 'accepted' limit 1) end as reason,
    case when kind <> 'undelivered' then n end as attempts,
    case when kind = 'undelivered' then n else (
        select count(distinct seq) from attempt a
        where a.campaign_id = t.campaign_id and a.outcome = replace(t.kind, 'attempt_', '') and a.reason_code = t.code
            and a.outcome <> 'accepted') end as recipients,
    first_at, last_at
from (
    select campaign_id, kind, code, sum(n)::bigint as n, coalesce(min(first_at), min(minute)) as first_at,
        coalesce(max(last_at), max(minute)) as last_at
    from tally_by_minute_now
    where kind in ('attempt_retry', 'attempt_throttled', 'attempt_failed', 'attempt_unknown', 'attempt_held', 'undelivered')
    group by campaign_id, kind, code having sum(n) > 0
) t;

create view report.recipient as
select r.campaign_id, r.seq,
    case when r.msisdn > 0 and (select report.sees_numbers()) then r.msisdn::text else masked(r.msisdn, r.calling_code) end as number,
    r.calling_code::text as calling_code, r.state, r.reason_code,
    coalesce(reason_words(r.reason_code), (
        select a.reason_text from attempt a
        where a.campaign_id = r.campaign_id and a.seq = r.seq and a.reason_code = r.reason_code
        order by a.claim_id desc limit 1), (
        select w.words from campaign c join sender s on s.id = c.sender_id join failure_code w on w.provider = s.provider
        where c.id = r.campaign_id and w.code = r.reason_code and r.state = 'failed')) as reason,
    r.attempts, r.changed_at,
    (select min(a.sent_at) from attempt a where a.campaign_id = r.campaign_id and a.seq = r.seq) as first_sent_at,
    (select max(a.sent_at) from attempt a where a.campaign_id = r.campaign_id and a.seq = r.seq) as last_sent_at,
    coalesce((
        select a.provider_message_id from attempt a
        where a.campaign_id = r.campaign_id and a.seq = r.seq and a.outcome = 'accepted'
        order by a.claim_id desc limit 1), (
        select p.provider_message_id from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq)
    ) as provider_message_id,
    (select p.delivered_at from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq) as delivered_at,
    (select p.read_at from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq) as read_at,
    (select case when p.delivered_at is null then p.failed_at end from receipt p
        where p.campaign_id = r.campaign_id and p.seq = r.seq) as undelivered_at,
    (select case when p.delivered_at is null then p.code end from receipt p
        where p.campaign_id = r.campaign_id and p.seq = r.seq) as undelivered_code,
    (select w.words from receipt p join campaign c on c.id = p.campaign_id join sender s on s.id = c.sender_id
        join failure_code w on w.provider = s.provider and w.code = p.code
        where p.campaign_id = r.campaign_id and p.seq = r.seq and p.delivered_at is null) as undelivered_reason,
    (select min(f.answered_at) from flow_answer f where f.campaign_id = r.campaign_id and f.seq = r.seq) as answered_at
from recipient r;

create view report.attempt as
select campaign_id, seq, claim_id, sent_at, recorded_at, latency_us / 1000::float8 as latency_ms, http_status, outcome, late,
    reason_code as code, reason_text as reason, provider_message_id
from attempt;

create view report.flow_answer as
select f.campaign_id, f.seq, f.answered_at, f.asked_at,
    greatest(f.answered_at - f.asked_at, interval '0') as time_to_answer, f.inbound_id, f.answer
from flow_answer f;

create view report.import as
select i.id as import_id, i.campaign_id, i.source, i.form, i.uploaded, i.imported, i.duplicates, i.suppressed, i.excluded,
    i.rejected, i.imported_at
from import i;

create view report.import_rejection as
select r.import_id, i.campaign_id, i.source, r.line, r.reason, r.column_name,
    case when (select report.sees_numbers()) then r.cell end as cell
from import_rejection r join import i on i.id = r.import_id;

create view report.settlement as
select s.campaign_id, s.seq, s.from_state, s.to_state, s.settled_by, s.reason, s.provider_message_id, s.settled_at
from settlement s;

create view report.hold as
select h.id as hold_id, s.name as sender, h.campaign_id, h.reason, h.code, h.detail, h.since, h.caused_by, h.until,
    h.probes, h.probe_at, h.ended_at, h.ended_by, coalesce(h.ended_at, now()) - h.since as length
from hold h join sender s on s.id = h.sender_id;

create view report.dead_letter as
select id as dead_letter_id, queue, reason, body, campaign_id, seq, body_bytes,
    encode(body_sha256, 'hex') as body_sha256, deaths, first_died_at, last_died_at, drained_at, redriven_at
from dead_letter;

-- Why somebody waits (promise P7). Of several reasons the one that has to end first.
create view report.waiting as
with rest as (
    select c.id as campaign_id, c.sender_id, c.state, c.started_at, c.opens_at,
        may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as may_send, waiting, later, later_until
    from campaign c cross join lateral (
        select coalesce(sum(n), 0)::bigint as waiting from tally_now where campaign_id = c.id and kind in ('pending', 'retry')
    ) r cross join lateral (
        select count(*) as later, min(due_at) as later_until from due where campaign_id = c.id and due_at > now()
    ) d
    where c.state in ('running', 'paused') and waiting > 0
), stopped as (
    select r.campaign_id, h.sender_id, h.reason, h.detail, h.since, coalesce(h.until, h.probe_at) as until, h.caused_by,
        coalesce(r.waiting, 0) as recipients
    from hold h left join rest r on r.sender_id = h.sender_id and coalesce(h.campaign_id = r.campaign_id, r.state = 'running')
    where h.ended_at is null and (h.campaign_id is null or r.campaign_id is not null)
), late as (
    select r.campaign_id, r.sender_id, 'retry' as reason, 'refused for now, or in their night; sent to again at their time'
        as detail, null::timestamptz as since, r.later_until as until, null as caused_by, r.later as recipients
    from rest r join sender_gate g using (sender_id) where r.state = 'running' and g.is_open and r.later > 0
), ready as (
    select r.campaign_id, r.sender_id,
        case when f.lease_until < clock_timestamp() then 'no_producer'
            when not r.may_send then 'hours'
            when f.trouble is not null then f.trouble
            when w.seen_at is null or w.seen_at < clock_timestamp() - interval '10 seconds' then 'no_worker'
            when pace_now(g.pace, g.slowed_at) < 1 then 'throttled'
            when g.permits is not null then 'rate'
            else 'queue' end as reason,
        f.lease_until, f.trouble_since, w.seen_at, g.slowed_at, g.permits, g.per_us, r.started_at, r.opens_at,
        r.waiting - r.later as recipients
    from rest r join sender_gate g using (sender_id) join sender_feed f using (sender_id)
    left join lateral (select max(seen_at) as seen_at from worker where sender_id = r.sender_id) w on true
    where r.state = 'running' and g.is_open and r.waiting > r.later
)
select s.name as sender, w.campaign_id, w.reason, w.detail, w.since, w.until, w.caused_by, w.recipients
from (
    select campaign_id, sender_id, reason, detail, since, until, caused_by, recipients from stopped
    union all select campaign_id, sender_id, reason, detail, since, until, caused_by, recipients from late
    union all
    select campaign_id, sender_id, reason,
        case reason
            when 'no_producer' then 'no producer is running; start one with flowcast producer'
            when 'hours' then 'outside the sending hours of the campaign, or before its beginning'
            when 'queue_blocked' then 'RabbitMQ has a resource alarm and takes no messages; free memory or disk there'
            when 'queue_away' then 'the producer cannot reach RabbitMQ; what is in its queue is still sent, nothing is lost'
            when 'feed_failed' then 'the producer cannot feed this sender; its log says why, and it tries again every few seconds'
            when 'no_worker' then 'no consumer is running for this sender; start one with flowcast consumer'
            when 'throttled' then 'the sender is slower for a while: the provider asked for it, or it was opened again'
            when 'rate' then 'being sent at the rate of the sender or the campaign'
            else 'being sent' end,
        case reason when 'no_producer' then nullif(lease_until, 'epoch') when 'no_worker' then seen_at
            when 'queue_blocked' then trouble_since when 'queue_away' then trouble_since when 'feed_failed' then trouble_since
            when 'throttled' then slowed_at else started_at end,
        case when reason = 'hours' then opens_at when reason in ('rate', 'throttled') then
            now() + recipients * per_us / permits * interval '1 microsecond' end,
        null, recipients
    from ready
) w join sender s on s.id = w.sender_id;
