-- What the dead-letter queue held. A message lies here once, however often it dies. Its text is kept only when it is a
-- task, which is two numbers; of anything else nobody knows what it holds, so only its length and its hash are kept.
create table dead_letter (
    id bigint generated always as identity primary key,
    -- Where it died, and why, in RabbitMQ's words; other where it is none of ours.
    queue text not null,
    reason text not null check (reason in ('rejected', 'delivery_limit', 'expired', 'maxlen', 'other')),
    body text,
    campaign_id bigint,
    seq integer,
    body_bytes bigint not null,
    body_sha256 bytea not null check (length(body_sha256) = 32),
    deaths bigint not null,
    first_died_at timestamptz not null,
    last_died_at timestamptz not null,
    drained_at timestamptz not null default clock_timestamp(),
    -- When somebody asked for the recipient to be looked at again, since it died last.
    redriven_at timestamptz,
    unique (queue, reason, body_sha256),
    check (num_nulls(body, campaign_id, seq) in (0, 3))
);
