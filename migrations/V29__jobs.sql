-- Long actions: a job is a row with its progress and its result, so that any server can show it.
create table job (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('check', 'import', 'retry', 'resolve', 'archive', 'counts')),
    -- No foreign key: a job is asked for while an import has locked the row of the campaign.
    campaign_id bigint,
    -- What was asked for, without personal data. A process that takes over a job repeats it from here.
    parameters jsonb not null default '{}',
    state text not null default 'running' check (state in ('running', 'done', 'failed', 'interrupted')),
    -- Steps of the kind: rows, recipients or campaigns.
    done bigint not null default 0,
    total bigint,
    result jsonb,
    -- Of a job that failed or was interrupted: the kind of the problem, and a sentence.
    problem text,
    detail text,
    actor_kind text not null,
    actor text not null,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    -- The process that executes the job, and when it last said so.
    worker text not null,
    heartbeat_at timestamptz not null default clock_timestamp(),
    check ((state = 'running') = (finished_at is null))
) with (fillfactor = 70);
create index job_running on job (heartbeat_at) where state = 'running';
create index job_of_campaign on job (campaign_id, id);
