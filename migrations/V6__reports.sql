-- The analyst's views. Their names and columns are a stable interface; everything else in this database is not.
create schema report;

create view report.campaign as
select c.id as campaign_id, c.name, s.name as sender, s.provider, c.state, c.created_at, c.started_at, c.finished_at,
    coalesce(i.uploaded, 0) as uploaded, coalesce(i.rejected, 0) as rejected, coalesce(i.duplicates, 0) as duplicates,
    r.pending, r.sending, r.retry, r.accepted, r.failed, r.unknown, r.skipped, r.expired, r.cancelled,
    a.attempts, a.first_sent_at, a.last_sent_at, a.last_recorded_at
from campaign c
join sender s on s.id = c.sender_id
left join lateral (
    select sum(uploaded) as uploaded, sum(rejected) as rejected, sum(duplicates) as duplicates
    from import where campaign_id = c.id
) i on true
left join lateral (
    select count(*) filter (where state = 'pending') as pending,
        count(*) filter (where state = 'sending') as sending,
        count(*) filter (where state = 'retry') as retry,
        count(*) filter (where state = 'accepted') as accepted,
        count(*) filter (where state = 'failed') as failed,
        count(*) filter (where state = 'unknown') as unknown,
        count(*) filter (where state = 'skipped') as skipped,
        count(*) filter (where state = 'expired') as expired,
        count(*) filter (where state = 'cancelled') as cancelled
    from recipient where campaign_id = c.id
) r on true
left join lateral (
    select count(*) as attempts, min(sent_at) as first_sent_at, max(sent_at) as last_sent_at,
        max(recorded_at) as last_recorded_at
    from attempt where campaign_id = c.id
) a on true;
comment on view report.campaign is 'one row a campaign: where everybody on its lists stands';
comment on column report.campaign.uploaded is 'rows of all imported lists';
comment on column report.campaign.attempts is 'requests sent to the provider, those not counted against anybody included';

create view report.conservation as
select campaign_id, uploaded, rejected, duplicates, pending, sending, retry, accepted, failed, unknown, skipped, expired,
    cancelled,
    uploaded - rejected - duplicates - pending - sending - retry - accepted - failed - unknown - skipped - expired
        - cancelled as difference
from report.campaign;
comment on column report.conservation.difference is 'always 0: nobody who was uploaded is lost (promise P1)';

create view report.error as
select campaign_id, outcome, reason_code as code, max(reason_text) as reason, count(*) as attempts,
    count(distinct seq) as recipients, min(recorded_at) as first_at, max(recorded_at) as last_at
from attempt where outcome <> 'accepted'
group by campaign_id, outcome, reason_code;
comment on view report.error is 'what the provider refused, by campaign and code';

create view report.settlement as
select s.campaign_id, s.seq, s.from_state, s.to_state, s.settled_by, s.reason, s.provider_message_id, s.settled_at
from settlement s;
comment on view report.settlement is 'what was decided about recipients who were unknown: one row a decision';
comment on column report.settlement.settled_by is 'operator, rule (of the campaign) or receipt (of the provider)';

create view report.hold as
select h.id as hold_id, s.name as sender, h.campaign_id, h.reason, h.code, h.detail, h.since, h.caused_by, h.until,
    h.probes, h.probe_at, h.ended_at, h.ended_by, coalesce(h.ended_at, now()) - h.since as length
from hold h join sender s on s.id = h.sender_id;
comment on view report.hold is 'every stop of a sender or a campaign, with its reason; without campaign_id it held the sender';

-- Why somebody waits (promise P7). Of several reasons the one that has to end first.
create view report.waiting as
with rest as (
    select c.id as campaign_id, c.sender_id, c.state, c.started_at, c.opens_at,
        may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as may_send, waiting, later, later_until
    from campaign c cross join lateral (
        select count(*) as waiting from recipient where campaign_id = c.id and state in ('pending', 'retry')
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
            when 'no_worker' then 'no consumer is running for this sender; start one with flowcast consumer'
            when 'throttled' then 'the sender is slower for a while: the provider asked for it, or it was opened again'
            when 'rate' then 'being sent at the rate of the sender or the campaign'
            else 'being sent' end,
        case reason when 'no_producer' then nullif(lease_until, 'epoch') when 'no_worker' then seen_at
            when 'queue_blocked' then trouble_since when 'queue_away' then trouble_since
            when 'throttled' then slowed_at else started_at end,
        case when reason = 'hours' then opens_at when reason in ('rate', 'throttled') then
            now() + recipients * per_us / permits * interval '1 microsecond' end,
        null, recipients
    from ready
) w join sender s on s.id = w.sender_id;
comment on view report.waiting is 'who waits and why: one row a campaign and reason, and one for a stopped sender without campaigns';
comment on column report.waiting.until is 'when it ends or is tried again, as far as that is known';
