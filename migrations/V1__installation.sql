-- What is true of this installation as a whole: one row.
create table installation (
    id boolean primary key default true check (id),
    -- Key of the references (flow tokens) that lead back to recipients; see docs/adr/0004. Whoever reads this
    -- database already has what a reference leads to, so the key protects against outsiders only.
    reference_key bytea not null check (length(reference_key) = 16),
    created_at timestamptz not null default now()
);

insert into installation (reference_key)
values (substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) from 1 for 16));
