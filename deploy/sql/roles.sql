-- One login for each kind of process, with no more rights than it needs. A superuser runs this file once in the database of Flowcast,
-- before the first 'flowcast migrate'. After each 'flowcast migrate', flowcast_migrate runs grants.sql, which is beside it.
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file deploy/sql/roles.sql "postgres://postgres@host/flowcast"
--
-- Both files may be run again at any time, also while messages are sent. No password is set: \password flowcast_consumer does that.
--
--   login              DATABASE_URL of       may
--   flowcast_migrate   flowcast migrate      everything: it acts as flowcast_owner, who owns the database
--   flowcast_producer  flowcast producer     read and write rows; create and drop the tables of volumes
--   flowcast_server    flowcast server       read and write rows; create and drop the tables of webhook bodies
--   flowcast_command   all other commands    read and write rows
--   flowcast_consumer  flowcast consumer     read and write the rows of sending: no accounts, keys, audit, webhook bodies
--
-- Readers of reports are in flowcast_report (docs/REPORTS.md).
set client_min_messages = warning;

do $$
declare
    login text;
    name text;
begin
    foreach name in array array['flowcast_owner', 'flowcast_report', 'flowcast_report_numbers'] loop
        if to_regrole(name) is null then
            execute format('create role %I nologin', name);
        end if;
    end loop;
    foreach login in array array['flowcast_migrate', 'flowcast_producer', 'flowcast_server', 'flowcast_command', 'flowcast_consumer'] loop
        if to_regrole(login) is null then
            execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls', login);
        end if;
    end loop;
end $$;

-- Who creates a table owns it. Migrations act as flowcast_owner from the beginning of each session.
grant flowcast_owner to flowcast_migrate;
alter role flowcast_migrate set role = 'flowcast_owner';
-- These two create and drop tables while they run, and own those. The owner of the others may change them too.
grant flowcast_producer, flowcast_server to flowcast_owner;
-- Sessions that are forgotten would keep locks and old rows.
alter role flowcast_command set idle_in_transaction_session_timeout = '10min';

-- Nobody else connects, creates tables, or reads.
do $$
declare
    large_object regprocedure;
begin
    -- The owner of the database may set jit = off for it, as 'flowcast migrate' does.
    execute format('alter database %I owner to flowcast_owner', current_database());
    for large_object in
        select oid::regprocedure from pg_catalog.pg_proc where pronamespace = 'pg_catalog'::regnamespace
            and proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_import', 'lowrite', 'lo_open')
    loop
        execute format('revoke execute on function %s from public', large_object);
    end loop;
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to flowcast_migrate, flowcast_producer, flowcast_server, flowcast_command,
        flowcast_consumer, flowcast_report, flowcast_report_numbers', current_database());
end $$;
revoke all on schema public from public;
grant usage, create on schema public to flowcast_owner, flowcast_producer, flowcast_server;
grant usage on schema public to flowcast_command, flowcast_consumer;
