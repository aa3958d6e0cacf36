-- A sending identity at a provider: rate limits, balance and stops hang on it.
create table sender (
    id bigint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    provider text not null check (provider in ('kaleyra', 'lipachat', '1msg', 'meta')),
    base_url text not null,
    account text,
    number text not null check (number ~ '^[0-9]{5,20}$'),
    -- Where the key is found, never the key: env:NAME or file:PATH.
    api_key_ref text not null check (api_key_ref ~ '^(env|file):.+$'),
    created_at timestamptz not null default now()
);
comment on column sender.account is 'account id at the provider (Kaleyra: SID)';
comment on column sender.number is 'our WhatsApp business number, digits';

-- The send gate of a sender. Every claim takes its rate lease here under the row's lock, so the row is small, alone in
-- its table and updated in place (HOT): nothing of it is indexed but the key.
create table sender_gate (
    sender_id bigint primary key references sender on delete cascade,
    is_open boolean not null default true,
    -- Counts openings. An answer that belongs to an earlier opening cannot close the gate again.
    epoch bigint not null default 1,
    -- The rate, all null when there is none: permits in per_us microseconds, burst of them at once.
    permits integer check (permits > 0),
    per_us bigint check (per_us > 0),
    burst integer check (burst > 0),
    -- One claim of one recipient may pass the closed gate, to see whether it can be opened.
    probe_armed boolean not null default false,
    -- The share of the rate that is used since slowed_at; it grows back to the whole within a minute.
    pace real not null default 1 check (pace > 0 and pace <= 1),
    slowed_at timestamptz,
    -- GCRA's theoretical arrival time: the first departure slot that nobody has leased.
    tat timestamptz not null default 'epoch',
    -- Most recipients of a day, null when there is no cap; days begin at midnight of the zone.
    daily_cap integer check (daily_cap > 0),
    day_zone text not null default 'UTC',
    -- The day of the last claim, and how many recipients were claimed for their first attempt since it began.
    day date not null default '-infinity',
    day_used integer not null default 0,
    check (num_nulls(permits, per_us, burst) in (0, 3))
) with (fillfactor = 10);

-- The share of its rate that a sender uses now: what is left after a throttle answer or a reopening, and 1/60 more of the
-- whole each second since.
create function pace_now(pace real, slowed_at timestamptz) returns double precision language sql volatile
    return least(1, pace + coalesce(extract(epoch from clock_timestamp() - slowed_at) / 60, 1));

-- The day of the sender's calendar.
create function day_now(zone text) returns date language sql volatile
    return (clock_timestamp() at time zone zone)::date;

-- Which producer feeds a sender; the lease makes it one at a time.
create table sender_feed (
    sender_id bigint primary key references sender on delete cascade,
    producer uuid,
    lease_until timestamptz not null default 'epoch',
    -- What keeps the producer from feeding, and since when: RabbitMQ takes no messages or cannot be reached, or the feed of
    -- this sender alone failed.
    trouble text check (trouble in ('queue_blocked', 'queue_away', 'feed_failed')),
    trouble_since timestamptz,
    check (num_nulls(trouble, trouble_since) in (0, 2))
) with (fillfactor = 10);

-- Workers that said within the last seconds that they work for a sender.
create table worker (
    worker uuid not null,
    sender_id bigint not null references sender on delete cascade,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (worker, sender_id)
) with (fillfactor = 50);

-- What a sender's messages cost. The latest list holds; a campaign keeps the one it was started with, so no list is ever changed.
create table price_list (
    id bigint generated always as identity primary key,
    sender_id bigint not null references sender on delete cascade,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    -- Where no price is given for a country; null is not known.
    default_price numeric(12, 6) check (default_price >= 0),
    listed_at timestamptz not null default clock_timestamp()
);
create index price_list_of_sender on price_list (sender_id, id);
create table price (
    price_list_id bigint not null references price_list on delete cascade,
    calling_code smallint not null check (calling_code > 0),
    price numeric(12, 6) not null check (price >= 0),
    primary key (price_list_id, calling_code)
);
