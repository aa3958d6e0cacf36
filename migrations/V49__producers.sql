-- expand: earlier builds do not read these tables. An earlier producer keeps the feeds that it has, and takes those that are free.
-- Producers that are alive, so that they share the feeds of the senders.
create table live_producer (
    producer uuid primary key,
    seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Jobs that producers repeat, and how each of them went last, whichever producer ran it.
create table maintenance_task (
    task text primary key,
    -- The pause between two runs of one producer.
    period interval not null,
    succeeded_at timestamptz,
    failed_at timestamptz,
    -- The last error.
    error text,
    -- Failures since the last success.
    failures integer not null default 0
) with (fillfactor = 50);

create view report.maintenance as
select task, period, succeeded_at, failures > 0 as is_failing, failures, failed_at, error from maintenance_task;
comment on view report.maintenance is 'jobs that producers repeat, and how each of them went last';
comment on column report.maintenance.task is 'the job';
comment on column report.maintenance.period is 'the pause between two runs of one producer';
comment on column report.maintenance.succeeded_at is 'time of the last success; noted every 15 s';
comment on column report.maintenance.is_failing is 'whether the last run failed';
comment on column report.maintenance.failures is 'failed runs since the last success';
comment on column report.maintenance.failed_at is 'time of the last failure';
comment on column report.maintenance.error is 'the last error';
