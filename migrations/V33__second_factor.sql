-- The second factor of accounts: an authenticator app (TOTP). Its secret is derived from the key of the installation, the account and
-- the generation, and is not stored.

create table second_factor (
    account_id bigint primary key references account on delete cascade,
    -- Counts the secrets, so that a removed one is never valid again.
    generation integer not null default 1 check (generation > 0),
    -- Null: the person has not entered a code of this generation yet, and log-ins do not ask for one.
    confirmed_at timestamptz,
    -- The 30-second step of the last accepted code: each code is accepted once.
    last_step bigint not null default 0
);

-- Codes that replace the app, each once. SHA-256 of 80 random bits.
create table recovery_code (
    account_id bigint not null references second_factor on delete cascade,
    code_hash bytea not null check (length(code_hash) = 32),
    used_at timestamptz,
    primary key (account_id, code_hash)
);

-- What the person of a session has still to do before anything else: enter a code, or set up an app.
alter table session add column pending text check (pending in ('code', 'enrollment'));
