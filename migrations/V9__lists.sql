-- Lists: who of them is left out and why, what they were written in, and the same list recognised.
alter table import
    -- On the suppression list.
    add column suppressed integer not null default 0,
    -- In a campaign that was excluded.
    add column excluded integer not null default 0,
    -- What the list was written in, as it was told.
    add column form text,
    -- Of the file, so that the same one is recognised.
    add column sha256 bytea,
    drop constraint import_check,
    add check (uploaded = imported + duplicates + suppressed + excluded + rejected);

-- The column of the list that the reason is about, when it is not the number's.
alter table import_rejection add column column_name text;

-- The table of a campaign's recipients is made by its first import, which fills it before it has indexes: with them
-- in place a list of a million takes three times as long.
create or replace function create_campaign_partitions(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table attempt_c%1$s (like attempt including all)', campaign);
    execute format('alter table attempt_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table attempt attach partition attempt_c%1$s for values in (%1$s)', campaign);
end $$;

create function create_recipients(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table recipient_c%1$s (like recipient including all excluding indexes)
        with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.2)', campaign);
    execute format('alter table recipient_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
end $$;

-- Attached and not created in place, for the reason given at create_campaign_partitions.
create function attach_recipients(campaign bigint) returns void language plpgsql as $$
begin
    execute format('alter table recipient_c%1$s add primary key (campaign_id, seq)', campaign);
    execute format('alter table recipient_c%1$s add unique (campaign_id, msisdn)', campaign);
    execute format('alter table recipient attach partition recipient_c%1$s for values in (%1$s)', campaign);
end $$;

create or replace view report.campaign as
select c.id as campaign_id, c.name, s.name as sender, s.provider, c.state, c.created_at, c.started_at, c.finished_at,
    coalesce(i.uploaded, 0) as uploaded, coalesce(i.rejected, 0) as rejected, coalesce(i.duplicates, 0) as duplicates,
    r.pending, r.sending, r.retry, r.accepted, r.failed, r.unknown, r.skipped, r.expired, r.cancelled,
    a.attempts, a.first_sent_at, a.last_sent_at, a.last_recorded_at,
    coalesce(i.suppressed, 0) as suppressed, coalesce(i.excluded, 0) as excluded
from campaign c
join sender s on s.id = c.sender_id
left join lateral (
    select sum(uploaded) as uploaded, sum(rejected) as rejected, sum(duplicates) as duplicates,
        sum(suppressed) as suppressed, sum(excluded) as excluded
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
comment on column report.campaign.suppressed is 'rows not imported because the number is on the suppression list';
comment on column report.campaign.excluded is 'rows not imported because the number is in an excluded campaign';

create or replace view report.conservation as
select campaign_id, uploaded, rejected, duplicates, pending, sending, retry, accepted, failed, unknown, skipped, expired,
    cancelled,
    uploaded - rejected - duplicates - suppressed - excluded - pending - sending - retry - accepted - failed - unknown
        - skipped - expired - cancelled as difference,
    suppressed, excluded
from report.campaign;

create view report.import as
select i.id as import_id, i.campaign_id, i.source, i.form, i.uploaded, i.imported, i.duplicates, i.suppressed, i.excluded,
    i.rejected, i.imported_at
from import i;
comment on view report.import is 'one row an imported list, and what became of its rows';

create view report.import_rejection as
select r.import_id, i.campaign_id, i.source, r.line, r.reason, r.column_name, r.cell
from import_rejection r join import i on i.id = r.import_id;
comment on view report.import_rejection is 'one row a refused row of a list, and why';
comment on column report.import_rejection.cell is 'what stands in the number column, shortened';
