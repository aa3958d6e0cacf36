-- A message, a list and a sender.
create table campaign (
    id bigint generated always as identity primary key,
    name text not null,
    sender_id bigint not null references sender,
    -- The campaign file as JSON; frozen when the campaign starts.
    definition jsonb not null,
    state text not null default 'draft'
        check (state in ('draft', 'running', 'paused', 'finished', 'cancelled')),
    -- Counts starts and resumes; the feed goes back to its low-water mark when it changes.
    epoch bigint not null default 0,
    -- Rows of its list: recipients have the places 1 to this number, without holes.
    recipients integer not null default 0,
    -- Nobody is sent to after this; set when the campaign starts first.
    deadline_at timestamptz,
    -- Nobody is sent to before and after this: the sending hours now or next, null when there are none. Moved on by the
    -- producer when they are over, with a new epoch.
    opens_at timestamptz,
    closes_at timestamptz,
    -- What becomes of those who are unknown for so long.
    unknown_rule text not null default 'leave' check (unknown_rule in ('leave', 'resend', 'give-up')),
    unknown_after interval not null default '24 hours',
    -- What its messages cost; set when the campaign starts first and its sender has prices.
    price_list_id bigint references price_list,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz
);
create index campaign_by_sender on campaign (sender_id, state);

-- Whether a campaign may send at this moment.
create function may_send(state text, deadline_at timestamptz, opens_at timestamptz, closes_at timestamptz)
    returns boolean language sql volatile
    return state = 'running' and coalesce(deadline_at > clock_timestamp(), true)
        and coalesce(opens_at <= clock_timestamp(), true) and coalesce(closes_at > clock_timestamp(), true);

-- The rate of a campaign that has one of its own, besides its sender's. Taken under the row's lock, before the sender's.
create table campaign_gate (
    campaign_id bigint primary key references campaign on delete cascade,
    permits integer not null check (permits > 0),
    per_us bigint not null check (per_us > 0),
    tat timestamptz not null default 'epoch'
) with (fillfactor = 10);

-- How far the feed of a campaign came. Written by the feeding producer alone, several times a second.
create table campaign_feed (
    campaign_id bigint primary key references campaign on delete cascade,
    -- Everyone up to here was published at least once since the last rewind.
    cursor integer not null default 0,
    -- Everyone up to here was ever published; between cursor and here only those still pending are published again.
    published integer not null default 0,
    -- Nobody below this place is pending, but for those listed in due.
    low_water integer not null default 1,
    -- The openings of campaign and sender that the feed last saw.
    campaign_epoch bigint not null default 0,
    gate_epoch bigint not null default 0
) with (fillfactor = 10);

-- One stop of a sender (campaign_id null) or of a campaign: every wait has a reason, a beginning and somebody who caused it.
create table hold (
    id bigint generated always as identity primary key,
    sender_id bigint not null references sender on delete cascade,
    campaign_id bigint references campaign on delete cascade,
    reason text not null check (reason in (
        'low_balance', 'payment', 'bad_credentials', 'sender_not_allowed', 'misconfigured', 'daily_limit', 'provider_down',
        'daily_cap', 'policy_hold', 'too_many_refusals', 'template_fault', 'flow_fault', 'operator')),
    -- The provider's code and our words for it, when a refusal caused the stop.
    code text,
    detail text,
    since timestamptz not null default now(),
    caused_by text not null,
    -- When it ends by itself, if that is known.
    until timestamptz,
    -- How often the gate was probed, and when it is probed next.
    probes integer not null default 0,
    probe_at timestamptz,
    ended_at timestamptz,
    ended_by text
);
create unique index hold_of_sender on hold (sender_id) where campaign_id is null and ended_at is null;
create unique index hold_of_campaign on hold (campaign_id) where campaign_id is not null and ended_at is null;

-- What the operator's hook was told of a stop, and what is to be told; empty where there is no hook.
create table alert (
    hold_id bigint not null references hold on delete cascade,
    event text not null check (event in ('stopped', 'opened')),
    attempts integer not null default 0,
    -- Not to be told before: after a failure, and while somebody tells it.
    next_at timestamptz not null default now(),
    done_at timestamptz,
    primary key (hold_id, event)
);
