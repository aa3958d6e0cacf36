-- One row of a campaign's list; the truth about that person in that campaign.
--
-- One partition a campaign, so that a finished one is dropped in a moment. Claim and record each update the row once;
-- no index may mention what they change (state, claim_id, attempts, reason_code, changed_at), and the partitions leave
-- room for the new versions (fillfactor 45), so that both stay HOT updates.
create table recipient (
    campaign_id bigint not null,
    msisdn bigint not null,
    claim_id bigint,
    changed_at timestamptz not null default now(),
    seq integer not null,
    attempts smallint not null default 0,
    calling_code smallint not null check (calling_code > 0),
    state text not null default 'pending' check (state in (
        'pending', 'sending', 'retry', 'accepted', 'failed', 'unknown', 'skipped', 'expired', 'cancelled')),
    reason_code text,
    variables jsonb not null default '{}',
    primary key (campaign_id, seq),
    unique (campaign_id, msisdn)
) partition by list (campaign_id);
comment on column recipient.msisdn is 'E.164 digits as a number; no E.164 number begins with zero';
comment on column recipient.claim_id is 'the last claim; an outcome of an earlier claim is not recorded over a later one';
comment on column recipient.calling_code is
    'the country calling code of the number, told by the import; stays when the number is erased';
comment on column recipient.attempts is 'requests that count: those a closed gate or a throttle refused are given back';

-- One HTTP request for one recipient, inserted with its outcome. Old ones are kept when a recipient is sent to again.
create table attempt (
    campaign_id bigint not null,
    claim_id bigint not null,
    sent_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    seq integer not null,
    latency_us integer not null,
    http_status smallint,
    outcome text not null check (outcome in ('accepted', 'retry', 'throttled', 'failed', 'unknown', 'held')),
    -- The outcome came after somebody else had settled the recipient, and did not change it.
    late boolean not null,
    reason_code text,
    reason_text text,
    provider_message_id text,
    primary key (campaign_id, seq, claim_id)
) partition by list (campaign_id);

-- A batch of recipients that a worker is sending to, and until when it may. Deleted when the last of them is recorded;
-- one that is past its lease belongs to a dead worker.
create table claim (
    id bigint generated always as identity primary key,
    campaign_id bigint not null,
    sender_id bigint not null,
    worker uuid not null,
    seqs integer[] not null,
    claimed_at timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Recipients to be published again at a time: retries when they are due, and those a closed gate gave back.
create table due (
    campaign_id bigint not null,
    seq integer not null,
    sender_id bigint not null,
    -- Not to be claimed before.
    due_at timestamptz not null,
    -- Not to be published before; set on when published, so that a lost message is made good.
    publish_at timestamptz not null,
    primary key (campaign_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index due_by_time on due (sender_id, publish_at);

-- Recipients who are unknown, so that they are found without reading a list. Listed with the change of state; one who is
-- settled in the same instant may stay listed, so what holds is the recipient's state.
create table unsettled (
    campaign_id bigint not null,
    seq integer not null,
    -- When the recipient became unknown.
    since timestamptz not null default clock_timestamp(),
    primary key (campaign_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index unsettled_by_time on unsettled (campaign_id, since);

-- Who decided what about a recipient who was unknown, when and why.
create table settlement (
    id bigint generated always as identity primary key,
    campaign_id bigint not null references campaign on delete cascade,
    seq integer not null,
    -- The claim whose request was uncertain.
    claim_id bigint,
    from_state text not null,
    to_state text not null,
    settled_by text not null check (settled_by in ('operator', 'rule', 'receipt')),
    reason text not null,
    -- Told by the receipt.
    provider_message_id text,
    settled_at timestamptz not null default clock_timestamp()
);
create index settlement_of_recipient on settlement (campaign_id, seq);

-- Makes a campaign's partitions. Attached and not created in place: creating a partition in place would lock out every
-- claim of every campaign while it waits for the longest running report.
create function create_campaign_partitions(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table recipient_c%1$s (like recipient including all) with (fillfactor = 45,
        autovacuum_vacuum_scale_factor = 0.2)', campaign);
    execute format('alter table recipient_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table recipient attach partition recipient_c%1$s for values in (%1$s)', campaign);
    execute format('create table attempt_c%1$s (like attempt including all)', campaign);
    execute format('alter table attempt_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table attempt attach partition attempt_c%1$s for values in (%1$s)', campaign);
end $$;
