-- Accounts of people, their sessions, and API keys of programs. No password, token or key is stored: only Argon2id hashes of
-- passwords, and SHA-256 of tokens of 256 random bits, which cannot be guessed. Personal data are name and email of an
-- account, and address and program of a session; rows of ended sessions are removed after 30 days.

create table account (
    id bigint generated always as identity primary key,
    -- The name at log-in, and the actor in the audit; so it is no email address. 'unknown' is the actor of a failed log-in with a
    -- name that no account has.
    name text not null check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$' and lower(name) <> 'unknown'),
    email text check (length(email) between 3 and 254 and email like '%_@_%'),
    role text not null check (role in ('viewer', 'marketer', 'operator', 'admin')),
    -- May see whole phone numbers; no role includes it.
    has_numbers boolean not null default false,
    -- The senders that the account may use and see; null: all.
    senders text[] check (cardinality(senders) > 0),
    -- PHC string; null until the person sets a password with a one-time link.
    password_hash text check (password_hash like '$argon2id$%'),
    -- Time zone in which times are shown, such as Africa/Nairobi.
    zone text,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    disabled_at timestamptz
);
create unique index account_by_name on account (lower(name));

-- One-time links with which a person sets the password. Only the newest link of an account is valid.
create table account_link (
    token_hash bytea primary key check (length(token_hash) = 32),
    account_id bigint not null references account on delete cascade,
    purpose text not null check (purpose in ('set_password')),
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index account_link_by_account on account_link (account_id);

-- A person who is logged in. Rights are read from the account at each request, so a change of the account applies at once.
create table session (
    -- Names the session in lists; it is no secret.
    id bigint generated always as identity primary key,
    token_hash bytea not null unique check (length(token_hash) = 32),
    account_id bigint not null references account on delete cascade,
    created_at timestamptz not null default clock_timestamp(),
    -- Written at most once a minute. The session ends when it is older than the idle time.
    last_seen_at timestamptz not null default clock_timestamp(),
    -- The last time that the person entered the password.
    fresh_at timestamptz not null default clock_timestamp(),
    -- The session ends at this time in any case.
    until timestamptz not null,
    address inet,
    user_agent text,
    ended_at timestamptz
);
create index session_by_account on session (account_id, id);
create index session_by_end on session (until);

-- Failed log-ins, for the delay before the next one. The key is SHA-256 of the name as typed, in lower case, or of the network
-- address (IPv6: its /64), so that names of no account and addresses are not kept. Rows are removed a day after the last failure.
create table login_failure (
    kind text not null check (kind in ('account', 'address')),
    key_hash bytea not null check (length(key_hash) = 32),
    failures integer not null,
    last_at timestamptz not null,
    primary key (kind, key_hash)
);
create index login_failure_by_age on login_failure (last_at);

-- Keys of programs: fc_ID_SECRET. Role, numbers and senders limit the key further than the account that added it.
create table api_key (
    id text primary key check (id ~ '^[a-z2-7]{8}$'),
    -- SHA-256 of the secret.
    secret_hash bytea not null check (length(secret_hash) = 32),
    name text not null check (length(name) between 1 and 100),
    role text not null check (role in ('viewer', 'marketer', 'operator', 'admin')),
    has_numbers boolean not null default false,
    senders text[] check (cardinality(senders) > 0),
    -- The networks that requests may come from; null: any.
    networks cidr[] check (cardinality(networks) > 0),
    created_at timestamptz not null default clock_timestamp(),
    -- The actor that added the key, and its account; null: a command added it.
    created_by text not null,
    account_id bigint references account on delete cascade,
    expires_at timestamptz not null,
    -- Written at most once a minute.
    last_used_at timestamptz,
    revoked_at timestamptz,
    check (expires_at <= created_at + interval '366 days')
);
create index api_key_by_account on api_key (account_id);
