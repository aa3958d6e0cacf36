-- Events and the webhook endpoints that receive them.

-- What happened, as programs of the customer are told (an outbox). Written by the transaction that makes it happen, so that an
-- event exists if and only if its change was committed. No phone numbers, no variables, no message contents, no names of files
-- and no names of persons. Kept 30 days.
--
-- No foreign keys to campaigns and senders: a row that only tells must not lock a row that claims lock.
create table event (
    -- The order of events. A number may be missing.
    id bigint generated always as identity primary key,
    -- The id that receivers see. It is random, because numbers are given again after a backup was restored, and a receiver would
    -- take the new event for a repetition.
    message_id uuid not null unique default gen_random_uuid(),
    at timestamptz not null default clock_timestamp(),
    kind text not null check (kind in (
        'campaign.started', 'campaign.paused', 'campaign.stopped', 'campaign.resumed', 'campaign.finished', 'campaign.ended',
        'sender.stopped', 'sender.opened', 'list.imported', 'list.refused', 'answers.received', 'test.ping')),
    campaign_id bigint,
    sender text,
    data jsonb not null,
    -- Of a test event: the only endpoint that gets it.
    endpoint_id bigint,
    -- The order in which readers get events, set when the deliveries are created; null until then. It is the cursor of readers: by
    -- id, a reader would pass over an event whose transaction commits after the transaction of a later id.
    position bigint
);
create index event_to_dispatch on event (id) where position is null;
create unique index event_by_position on event (position);
create index event_by_time on event (at);
create sequence event_position as bigint;

-- An address of the customer that receives events. Its secret is derived from the key of the installation, the id and the
-- generation, and is not stored.
create table webhook_endpoint (
    id bigint generated always as identity primary key,
    name text not null check (length(name) between 1 and 100),
    url text not null check (length(url) between 1 and 2000),
    -- The kinds of events; null: all.
    events text[] check (cardinality(events) > 0),
    -- Counts the secrets. For a day after a renewal, deliveries are signed with the secret before as well.
    generation integer not null default 1 check (generation > 0),
    renewed_at timestamptz,
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    disabled_at timestamptz,
    disabled_reason text check (disabled_reason in ('gone', 'failing', 'operator')),
    -- The first failure since the last success.
    failing_since timestamptz,
    -- A process is delivering to this endpoint until then. One delivery at a time keeps the order of events, and an endpoint that
    -- answers slowly occupies one request.
    leased_until timestamptz not null default 'epoch',
    check ((disabled_at is null) = (disabled_reason is null))
) with (fillfactor = 50);
create unique index webhook_endpoint_by_name on webhook_endpoint (lower(name));
alter table event add foreign key (endpoint_id) references webhook_endpoint on delete cascade;

create table webhook_delivery (
    endpoint_id bigint not null references webhook_endpoint on delete cascade,
    event_id bigint not null references event on delete cascade,
    -- gone: the endpoint answered 410, which disables it.
    state text not null default 'due' check (state in ('due', 'delivered', 'failed', 'gone')),
    -- Since the delivery became due first or was ordered again.
    attempts integer not null default 0,
    next_at timestamptz not null default clock_timestamp(),
    -- Of the last attempt: its time, the HTTP status, the latency, the first 1 KiB of the answer, and why there is no answer.
    attempted_at timestamptz,
    status smallint,
    latency_ms integer,
    answer text,
    problem text,
    primary key (endpoint_id, event_id)
);
create index webhook_delivery_due on webhook_delivery (endpoint_id, event_id) where state = 'due';
create index webhook_delivery_of_event on webhook_delivery (event_id);

-- The number of flow answers of a campaign that events have told of. Answers arrive thousands a second, so no trigger tells of
-- them: a job compares the counters.
create table answers_told (
    -- No foreign key, so that the job locks no campaign.
    campaign_id bigint primary key,
    answers bigint not null,
    told_at timestamptz not null default clock_timestamp()
);
insert into answers_told (campaign_id, answers) select campaign_id, n from counter where kind = 'answer';
-- The job reads one row per campaign. The index does not contain n, so that counting stays a HOT update.
create index counter_of_answers on counter (campaign_id) where kind = 'answer';

-- States change in many places: commands, workers, receipts, deadlines. Triggers tell of all of them, in the transaction of the
-- change. The triggers are on tables that change with a campaign or a stop, and not with a recipient: claims and records write
-- neither campaign.state nor hold, but for the claim that uses up a daily cap.
create function tell_campaign() returns trigger language plpgsql as $$
declare
    told text := case new.state
        when 'running' then case old.state when 'draft' then 'campaign.started' else 'campaign.resumed' end
        when 'finished' then 'campaign.finished'
        when 'cancelled' then 'campaign.ended'
    end;
begin
    -- A pause is told with its reason by the trigger of hold.
    if told is not null then
        insert into event (kind, campaign_id, sender, data)
        select told, new.id, s.name, jsonb_build_object(
            'campaign_id', new.id, 'campaign', new.name, 'sender', s.name, 'recipients', new.recipients)
        from sender s where s.id = new.sender_id;
    end if;
    return null;
end $$;
create trigger tell after update of state on campaign for each row
    when (old.state is distinct from new.state) execute function tell_campaign();

-- The explanation and the cause of a stop are left out: they contain texts of providers and names of persons.
create function tell_hold() returns trigger language plpgsql as $$
begin
    if new.campaign_id is null then
        insert into event (kind, sender, data)
        select 'sender.stopped', s.name, jsonb_build_object(
            'sender', s.name, 'reason', new.reason, 'code', new.code, 'since', new.since, 'until', coalesce(new.until, new.probe_at))
        from sender s where s.id = new.sender_id;
    else
        insert into event (kind, campaign_id, sender, data)
        select case new.reason when 'operator' then 'campaign.paused' else 'campaign.stopped' end, c.id, s.name,
            jsonb_build_object('campaign_id', c.id, 'campaign', c.name, 'sender', s.name, 'reason', new.reason, 'code', new.code,
                'since', new.since)
        from campaign c join sender s on s.id = c.sender_id where c.id = new.campaign_id;
    end if;
    return null;
end $$;
create trigger tell after insert on hold for each row execute function tell_hold();

-- At the commit, because a stop may be replaced by another one in the same transaction, which opens nothing.
create function tell_opening() returns trigger language plpgsql as $$
begin
    if not exists (select from hold where sender_id = new.sender_id and campaign_id is null and ended_at is null) then
        insert into event (kind, sender, data)
        select 'sender.opened', s.name, jsonb_build_object(
            'sender', s.name, 'reason', new.reason, 'since', new.since, 'ended_at', new.ended_at)
        from sender s where s.id = new.sender_id;
    end if;
    return null;
end $$;
create constraint trigger tell_opening after update of ended_at on hold deferrable initially deferred for each row
    when (new.campaign_id is null and old.ended_at is null and new.ended_at is not null) execute function tell_opening();

create function tell_import() returns trigger language plpgsql as $$
begin
    insert into event (kind, campaign_id, sender, data)
    select 'list.imported', c.id, s.name, jsonb_build_object(
        'campaign_id', c.id, 'campaign', c.name, 'list_id', new.id, 'uploaded', new.uploaded, 'imported', new.imported,
        'duplicates', new.duplicates, 'suppressed', new.suppressed, 'excluded', new.excluded, 'rejected', new.rejected)
    from campaign c join sender s on s.id = c.sender_id where c.id = new.campaign_id;
    return null;
end $$;
create trigger tell after insert on import for each row execute function tell_import();
