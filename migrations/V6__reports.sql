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

create view report.hold as
select h.id as hold_id, s.name as sender, h.campaign_id, h.reason, h.code, h.detail, h.since, h.caused_by, h.probes,
    h.probed_at, h.ended_at, h.ended_by, coalesce(h.ended_at, now()) - h.since as length
from hold h join sender s on s.id = h.sender_id;
comment on view report.hold is 'every stop of a sender or a campaign, with its reason; without campaign_id it held the sender';
