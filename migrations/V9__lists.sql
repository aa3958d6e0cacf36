-- Lists: who of them is left out and why, what they were written in, and the same list recognised.
alter table import
    -- On the suppression list.
    add column suppressed integer not null default 0,
    -- In a campaign that was excluded.
    add column excluded integer not null default 0,
    -- What the list was written in, as it was told.
    add column form text,
    -- Of the file, so that the same one is recognised.
    add column sha256 bytea,
    drop constraint import_check,
    add check (uploaded = imported + duplicates + suppressed + excluded + rejected);

-- The column of the list that the reason is about, when it is not the number's.
alter table import_rejection add column column_name text;

-- The table of a campaign's recipients is made by its first import, which fills it before it has indexes: with them
-- in place a list of a million takes three times as long.
create or replace function create_campaign_partitions(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table attempt_c%1$s (like attempt including all)', campaign);
    execute format('alter table attempt_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
    execute format('alter table attempt attach partition attempt_c%1$s for values in (%1$s)', campaign);
end $$;

create function create_recipients(campaign bigint) returns void language plpgsql as $$
begin
    execute format('create table recipient_c%1$s (like recipient including all excluding indexes)
        with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.2)', campaign);
    execute format('alter table recipient_c%1$s add constraint of_campaign check (campaign_id = %1$s)', campaign);
end $$;

-- Attached and not created in place, for the reason given at create_campaign_partitions.
create function attach_recipients(campaign bigint) returns void language plpgsql as $$
begin
    execute format('alter table recipient_c%1$s add primary key (campaign_id, seq)', campaign);
    execute format('alter table recipient_c%1$s add unique (campaign_id, msisdn)', campaign);
    execute format('alter table recipient attach partition recipient_c%1$s for values in (%1$s)', campaign);
end $$;
