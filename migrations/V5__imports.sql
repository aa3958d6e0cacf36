-- One imported list. Its recipients are stored in the same transaction: a list is imported whole or not at all.
create table import (
    id bigint generated always as identity primary key,
    campaign_id bigint not null references campaign on delete cascade,
    -- File name, without the path.
    source text not null,
    uploaded integer not null,
    imported integer not null,
    duplicates integer not null,
    rejected integer not null,
    imported_at timestamptz not null default now(),
    check (uploaded = imported + duplicates + rejected)
);
create index import_by_campaign on import (campaign_id);

-- A row of the list that was not imported, and why.
create table import_rejection (
    import_id bigint not null references import on delete cascade,
    -- Line of the file, from 1, the header included.
    line integer not null,
    reason text not null,
    -- What stands in the number column, shortened.
    cell text not null,
    primary key (import_id, line)
);
