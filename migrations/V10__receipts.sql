-- What comes back: receipts, replies, flow answers. Why it is kept in this way: docs/adr/0010.
--
-- Nothing here is written by the sending of messages, but for sent_message at providers that name a message by their own id.
-- The table recipient is never read or written but by key, and only when a receipt settles somebody.

-- Where the provider of a sender posts to, and by what its posts are known.
create table webhook (
    sender_id bigint primary key references sender on delete cascade,
    -- The last part of the address. Whoever knows it may try to post, so it is in no log.
    path uuid not null unique default gen_random_uuid(),
    -- What Meta repeats when the address is set up there.
    verify_token uuid not null default gen_random_uuid(),
    -- Where the secret is found, never the secret. Meta: the app secret. The others: user:password of Basic auth.
    secret_ref text check (secret_ref ~ '^(env|file):.+$'),
    -- From where posts are taken; null is from everywhere.
    sources cidr[],
    -- Words by which a person opts out and in again; null is the list of this program.
    opt_out_words text[],
    opt_in_words text[]
);
insert into webhook (sender_id) select id from sender;

-- A body as it was posted, byte by byte, kept for as many days as the server is told. One that comes again is counted.
create table webhook_body (
    received_on date not null,
    digest uuid not null,
    sender_id bigint not null,
    received_at timestamptz not null default clock_timestamp(),
    times integer not null,
    body bytea not null,
    primary key (received_on, digest)
) partition by range (received_on);
comment on column webhook_body.digest is 'the first half of the SHA-256 over sender and body';

-- The receipts of one recipient, the earliest of each kind. Whatever order they come in and however often, the row is the
-- same in the end: every column only ever goes back to an earlier time.
create table receipt (
    campaign_id bigint not null,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    seq integer not null,
    calling_code smallint,
    billable boolean,
    code text,
    follow_up text check (follow_up in ('not_delivered', 'wait', 'suppress', 'stop')),
    provider_message_id text,
    primary key (campaign_id, seq)
) partition by list (campaign_id);
comment on table receipt is
    'what the provider reported of a recipient''s message; delivered of a campaign is count(delivered_at), read count(read_at)';
comment on column receipt.sent_at is 'the provider passed it on to WhatsApp, or whatever came after that was reported';
comment on column receipt.delivered_at is 'it reached the recipient''s phone: reported, or it was read or answered';
comment on column receipt.failed_at is
    'it was not delivered after all; counts where delivered_at is null (another attempt may have arrived)';
comment on column receipt.code is 'the provider''s code of the first failure';
comment on column receipt.billable is 'whether the provider said that the message is billed; null is not said';
comment on column receipt.calling_code is 'of the recipient, where something was said of billing';
comment on column receipt.follow_up is
    'what the error map says: not_delivered, wait (not before 24 hours), suppress (they stopped us), stop (a gate was closed)';

-- What the codes of failures mean, by the providers' error maps, as far as they came.
create table failure_code (
    provider text not null,
    code text not null,
    words text not null,
    primary key (provider, code)
);

-- The completed form, one row an answer; who answers twice has two.
create table flow_answer (
    campaign_id bigint not null,
    answered_at timestamptz not null,
    asked_at timestamptz,
    seq integer not null,
    inbound_id text not null,
    answer jsonb not null,
    primary key (campaign_id, seq, inbound_id)
) partition by list (campaign_id);
comment on table flow_answer is
    'completed flows; answers of a campaign are count(*), people who answered count(distinct seq)';
comment on column flow_answer.asked_at is
    'when the message left; the time to answer is greatest(answered_at - asked_at, ''0''), the provider tells whole seconds';
comment on column flow_answer.inbound_id is 'the provider''s id of the answer';
comment on column flow_answer.answer is 'what was filled in, as it came; text where it was no JSON';

-- Leads from the provider's id of a message to its recipient. Written by record for providers whose receipts carry no
-- reference of ours (1msg), and by the first receipt that carries both, for replies that carry the provider's id only.
create table sent_message (
    sender_id bigint not null,
    message_hash bigint not null,
    campaign_id bigint not null,
    noted_at timestamptz not null default clock_timestamp(),
    seq integer not null,
    provider_message_id text not null,
    primary key (sender_id, message_hash)
);
create index sent_message_by_time on sent_message using brin (noted_at);

create function message_hash(id text) returns bigint language sql immutable parallel safe
    return hashtextextended(id, 0);

-- What could not be matched yet: it came before our record of the message, or is about a message of somebody else.
create table orphan (
    sender_id bigint not null references sender on delete cascade,
    digest uuid not null,
    provider_message_id text not null,
    event jsonb not null,
    received_at timestamptz not null default clock_timestamp(),
    tries smallint not null default 0,
    next_at timestamptz not null default clock_timestamp() + interval '1 second',
    primary key (sender_id, digest)
);
create index orphan_by_time on orphan (next_at);
comment on column orphan.digest is 'the first half of the SHA-256 over the event, so that a doubled one lies here once';

-- Receipts of recipients who were not recorded as accepted when they came: whoever is unknown is settled by them, and whoever
-- is being sent to still may become so.
create table receipt_to_settle (
    campaign_id bigint not null,
    seq integer not null,
    primary key (campaign_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.05);

-- What a person and a sender last said to each other, as far as it decides about sending.
create table conversation (
    sender_id bigint not null,
    msisdn bigint not null,
    -- WhatsApp's 24-hour window is counted from here.
    last_inbound_at timestamptz,
    -- The latest word on whether they want to be written to.
    consent_at timestamptz,
    is_opted_out boolean,
    -- Until then the provider takes nothing for them but an answer: they had enough for now (Meta 131049).
    quiet_until timestamptz,
    primary key (sender_id, msisdn),
    check (num_nulls(consent_at, is_opted_out) in (0, 2))
) with (fillfactor = 70);

-- What a provider reported of templates and flows.
create table provider_notice (
    sender_id bigint not null references sender on delete cascade,
    about text not null check (about in ('template', 'flow')),
    name text not null,
    status text not null,
    noticed_at timestamptz not null,
    primary key (sender_id, about, name, status, noticed_at)
);
comment on column provider_notice.name is 'name of the template, id of the flow';

-- What was posted to a sender's address and could not be used, or not wholly, by kind: numbers only.
create table webhook_count (
    sender_id bigint not null references sender on delete cascade,
    kind text not null,
    n bigint not null,
    last_at timestamptz not null default clock_timestamp(),
    primary key (sender_id, kind)
);

-- Makes what a campaign's receipts and answers need; attached as in create_campaign_partitions, and for the same reason.
create function create_receipt_partitions(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table receipt_c%1$s (like receipt including all) with (fillfactor = 60)', campaign);
    execute format('alter table receipt_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table receipt attach partition receipt_c%1$s for values in (%1$s)', campaign);
    execute format('create table flow_answer_c%1$s (like flow_answer including all)', campaign);
    execute format('alter table flow_answer_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table flow_answer attach partition flow_answer_c%1$s for values in (%1$s)', campaign);
end $$;
select create_receipt_partitions(id) from campaign;

-- Makes the partitions of the coming days, and drops those of bodies older than so many days. One at a time.
create function keep_webhook_days(days integer) returns void language plpgsql set client_min_messages = warning as $$
declare
    today date := (clock_timestamp() at time zone 'utc')::date;
    old record;
begin
    perform pg_advisory_xact_lock(hashtext('flowcast.webhook_days'));
    for day in 0..3 loop
        execute format('create table if not exists %I partition of webhook_body for values from (%L) to (%L)',
            'webhook_body_' || to_char(today + day, 'YYYYMMDD'), today + day, today + day + 1);
    end loop;
    for old in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'webhook_body'::regclass
            and c.relname < 'webhook_body_' || to_char(today - days, 'YYYYMMDD')
    loop
        execute format('drop table %I', old.relname);
    end loop;
end $$;
select keep_webhook_days(1);
