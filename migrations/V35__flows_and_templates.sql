-- What is known of the flows and templates of a sender: uploaded by people, for previews, for the choice in the console, and for the
-- labels of answers. Sending does not read these tables. A new row locks the row of its sender for a moment, as a price list does.

create table flow (
    sender_id bigint not null references sender on delete cascade,
    -- The id at the provider.
    flow_id text not null check (flow_id ~ '^[A-Za-z0-9_-]{1,100}$'),
    name text not null check (length(name) between 1 and 200),
    -- The Flow JSON as it was uploaded; it was parsed before.
    flow_json text not null check (octet_length(flow_json) <= 524288),
    -- Id and title of each screen, so that lists need not read the document.
    screens jsonb not null check (jsonb_typeof(screens) = 'array'),
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null,
    primary key (sender_id, flow_id)
);
-- A campaign may name its flow instead of its id.
create index flow_by_name on flow (sender_id, name);

create table template (
    sender_id bigint not null references sender on delete cascade,
    name text not null check (name ~ '^[A-Za-z0-9_.-]+$' and length(name) <= 512),
    language text not null check (language ~ '^[A-Za-z0-9_-]{1,20}$'),
    -- The texts with their variables {{1}}, {{2}}, as they were approved.
    header text check (length(header) between 1 and 60),
    body text not null check (length(body) between 1 and 1024),
    footer text check (length(footer) between 1 and 60),
    -- Text and kind of each button, and the flow that it opens.
    buttons jsonb not null default '[]' check (jsonb_typeof(buttons) = 'array'),
    category text check (category in ('marketing', 'utility', 'authentication')),
    -- As the person knew it; notices of the provider are in provider_notice.
    status text check (status in ('approved', 'pending', 'rejected', 'paused', 'disabled')),
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null,
    primary key (sender_id, name, language)
);
