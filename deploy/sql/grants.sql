-- What each login of roles.sql may do with the tables. flowcast_migrate runs this file after each 'flowcast migrate'; in an installation
-- that had one login for everything, a superuser runs it the first time.
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file deploy/sql/grants.sql "postgres://flowcast_migrate@host/flowcast"
set client_min_messages = warning;

-- The tables belong to flowcast_owner, also those of an installation that had one login for everything.
do $$
declare
    kept record;
begin
    if exists (select from pg_namespace where nspname = 'report' and nspowner <> 'flowcast_owner'::regrole) then
        alter schema report owner to flowcast_owner;
    end if;
    for kept in
        select * from (
            select c.oid, c.oid::regclass as name, c.relkind, c.relowner, case
                    when n.nspname = 'public' and c.relname ~ '^webhook_body(_\d+)?$' then 'flowcast_server'
                    when n.nspname = 'public' and c.relname ~ '^(recipient|recipient_number|attempt|receipt|flow_answer)(_v\d+)?$' then 'flowcast_producer'
                    else 'flowcast_owner' end as owner,
                case c.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end as kind
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('public', 'report') and c.relkind in ('r', 'p', 'v', 'S')
        ) c
        where relowner <> owner::regrole
            -- Sequences of columns follow their table, and extensions own their objects.
            and not (relkind = 'S' and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('i', 'a')))
            and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
        order by relkind = 'v', oid
    loop
        execute format('alter %s %s owner to %I', kept.kind, kept.name, kept.owner);
    end loop;
    for kept in
        select p.oid::regprocedure as name
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in ('public', 'report') and p.proowner <> 'flowcast_owner'::regrole
            and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('alter routine %s owner to flowcast_owner', kept.name);
    end loop;
end $$;

-- Rows: producers, servers and commands.
grant select, insert, update, delete on all tables in schema public to flowcast_owner, flowcast_producer, flowcast_server, flowcast_command;
grant usage, select, update on all sequences in schema public to flowcast_producer, flowcast_server, flowcast_command;
-- Tables that migrations, producers (volumes) and servers (webhook bodies) create later. Consumers get new tables of volumes only.
alter default privileges for role flowcast_owner in schema public
    grant select, insert, update, delete on tables to flowcast_producer, flowcast_server, flowcast_command;
alter default privileges for role flowcast_owner in schema public
    grant usage, select, update on sequences to flowcast_producer, flowcast_server, flowcast_command;
alter default privileges for role flowcast_producer in schema public
    grant select, insert, update, delete on tables to flowcast_server, flowcast_command;
alter default privileges for role flowcast_producer in schema public grant select, insert, update on tables to flowcast_consumer;
alter default privileges for role flowcast_server in schema public
    grant select, insert, update, delete on tables to flowcast_producer, flowcast_command;

do $$
declare
    kept record;
begin
    if to_regclass('public.audit') is null then
        -- Before the first migration.
        return;
    end if;
    grant usage on schema report to flowcast_producer, flowcast_server, flowcast_command;
    grant select on all tables in schema report to flowcast_producer, flowcast_server, flowcast_command;
    alter default privileges for role flowcast_owner in schema report
        grant select on tables to flowcast_producer, flowcast_server, flowcast_command;
    -- Nobody changes the audit, and nobody but the owner the list of migrations.
    revoke update, delete on audit from flowcast_producer, flowcast_server, flowcast_command;
    revoke insert, update, delete on refinery_schema_history from flowcast_producer, flowcast_server, flowcast_command;

    -- Imports renew the statistics of their tables. Before PostgreSQL 17 only the owner can; then autovacuum does it within a minute.
    if current_setting('server_version_num')::int >= 170000 then
        for kept in select oid::regclass as name from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname ~ '^(recipient|recipient_number)(_v\d+)?$'
        loop
            execute format('grant maintain on %s to flowcast_server, flowcast_command', kept.name);
        end loop;
        execute 'alter default privileges for role flowcast_producer in schema public grant maintain on tables to flowcast_server, flowcast_command';
    end if;

    -- Consumers: what claims, records and stops read and write.
    revoke all on all tables in schema public from flowcast_consumer;
    grant select on refinery_schema_history, installation, sender, campaign, resolution, suppression, conversation to flowcast_consumer;
    grant select, insert, update, delete on claim, due, worker, live_worker, unknown_recipient, gate_change to flowcast_consumer;
    grant select, insert, update on hold, recipient, attempt, sent_message to flowcast_consumer;
    grant select, update on sender_gate, campaign_gate, claim_lock, flow_answer to flowcast_consumer;
    -- A campaign is paused, and nothing else of it changes.
    grant update (state, epoch) on campaign to flowcast_consumer;
    grant insert on counter_delta, event to flowcast_consumer;
    grant usage on all sequences in schema public to flowcast_consumer;
    -- The tables of the volumes are named in the statements, so the right on the partitioned table is not enough.
    for kept in select oid::regclass as name, relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname ~ '^(recipient|attempt|flow_answer)_v\d+$'
    loop
        execute format('grant select, insert, update on %s to flowcast_consumer', kept.name);
    end loop;
end $$;
