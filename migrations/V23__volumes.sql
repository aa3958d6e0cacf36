-- Volumes: recipient, attempt, receipt and flow_answer are partitioned by ranges of 10,000 campaign ids, so that the number of
-- relations does not grow with the number of campaigns. Reasons and measurements: docs/adr/0013-volumes.md.
--
-- Volume 7 holds campaigns 70,000 to 79,999 in recipient_v7, attempt_v7 and so on. The names follow from the campaign id, so the
-- statements of claim and record can name the tables.

-- Views that read the four tables, directly or through other views, are dropped and created again with the same text. That includes
-- views that analysts have made.
create table view_to_keep as
with recursive readers as (
    select r.ev_class as view, 1 as depth
    from pg_depend d join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
        and d.refobjid = any(array['recipient', 'attempt', 'receipt', 'flow_answer']::regclass[])
    union
    select r.ev_class, x.depth + 1
    from readers x join pg_depend d on d.refobjid = x.view and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> x.view
)
select c.oid as view, format('%I.%I', n.nspname, c.relname) as name, max(x.depth) as depth, pg_get_viewdef(c.oid) as body,
    c.relowner::regrole::text as owner, c.relacl as grants, c.reloptions as options
from readers x join pg_class c on c.oid = x.view join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' group by c.oid, n.nspname;

-- So are the triggers that maintain the counters.
create table trigger_to_keep as
select tgname as name, tgrelid::regclass::text as table_name, pg_get_triggerdef(oid) as definition
from pg_trigger
where tgrelid = any(array['recipient', 'attempt', 'receipt', 'flow_answer']::regclass[]) and not tgisinternal;

create table comment_to_keep as
select v.name, a.attname as column_name, d.description
from view_to_keep v join pg_description d on d.objoid = v.view and d.classoid = 'pg_class'::regclass
left join pg_attribute a on a.attrelid = v.view and a.attnum = d.objsubid and d.objsubid > 0;

do $$
declare
    old record;
begin
    for old in select * from view_to_keep order by depth desc loop
        execute 'drop view ' || old.name;
    end loop;
    for old in select * from trigger_to_keep loop
        execute format('drop trigger %I on %I', old.name, old.table_name);
    end loop;
    -- The old tables stay until 'flowcast migrate' has moved their rows (store/src/relocation.rs).
    for old in
        select c.relname from pg_class c
        where c.oid = any(array['recipient', 'attempt', 'receipt', 'flow_answer']::regclass[])
            or c.oid in (select indexrelid from pg_index
                where indrelid = any(array['recipient', 'attempt', 'receipt', 'flow_answer']::regclass[]))
    loop
        if exists (select from pg_class where oid = to_regclass(old.relname) and relkind = 'I') then
            execute format('alter index %I rename to %I', old.relname, old.relname || '_before');
        else
            execute format('alter table %I rename to %I', old.relname, old.relname || '_before');
        end if;
    end loop;
end $$;

drop function create_campaign_partitions(bigint), create_recipients(bigint), attach_recipients(bigint),
    create_receipt_partitions(bigint);

create table recipient (like recipient_before including defaults including constraints including comments,
    primary key (campaign_id, seq)) partition by range (campaign_id);
create table attempt (like attempt_before including defaults including constraints including comments,
    primary key (campaign_id, seq, claim_id)) partition by range (campaign_id);
create index attempt_by_reason on attempt (campaign_id, outcome, reason_code, seq) where outcome <> 'accepted';
create table receipt (like receipt_before including defaults including constraints including comments,
    primary key (campaign_id, seq)) partition by range (campaign_id);
create table flow_answer (like flow_answer_before including defaults including constraints including comments,
    primary key (campaign_id, seq, inbound_id)) partition by range (campaign_id);
comment on table recipient is 'one row of a campaign''s list; the truth about that person in that campaign';
comment on table attempt is 'one HTTP request for one recipient, inserted with its outcome';

-- Unchanged; its body holds the table by object id, so it has to be created again.
create or replace function report.sees_numbers() returns boolean language sql stable
    return coalesce((
        select bool_or(pg_has_role(current_user, r.oid, 'usage')) from pg_catalog.pg_roles r
        where r.rolname = 'flowcast_report_numbers'
            or r.oid = (select relowner from pg_catalog.pg_class where oid = 'public.recipient'::regclass)), false);

-- Finds the recipients of a phone number in all campaigns, and keeps a number from being in a campaign twice. This is a table and not
-- an index of recipient: an import inserts into it sorted by number. An index would get numbers in the order of the list, which
-- takes three times as long.
create table recipient_number (
    msisdn bigint not null,
    campaign_id bigint not null,
    seq integer not null,
    primary key (msisdn, campaign_id)
) partition by range (campaign_id);
comment on table recipient_number is 'recipients by phone number; recipients whose number was erased are not in it';

create table volume (
    id bigint primary key,
    created_at timestamptz not null default clock_timestamp(),
    -- When it was rotated: new campaigns have belonged to a later volume since then. Null where its ids were used up.
    closed_at timestamptz,
    -- When its tables were dropped, because all its campaigns were archived.
    dropped_at timestamptz
);
comment on table volume is 'volume n holds the rows of campaigns n * 10,000 to n * 10,000 + 9,999';

create function campaigns_of_volume() returns bigint language sql immutable parallel safe return 10000::bigint;
comment on function campaigns_of_volume() is 'campaign ids of one volume; the same constant is in store/src/volume.rs';
create function volume_of(campaign bigint) returns bigint language sql immutable parallel safe return campaign / 10000;

-- Creates the tables of a volume, if they do not exist. They are created apart and attached: 'create table … partition of' locks the
-- parent exclusively, so it waits for the longest running report, and all claims wait behind it. Attaching takes SHARE UPDATE
-- EXCLUSIVE, which conflicts with neither. Concurrent calls wait for each other.
create function create_volume(volume bigint) returns void language plpgsql set client_min_messages = warning as $$
declare
    part record;
begin
    lock table volume in share row exclusive mode;
    for part in
        -- Statistics are renewed often, so that they know each larger campaign of the volume.
        select * from (values
            -- Space for the two updates of each recipient, so that both are HOT.
            ('recipient', 'fillfactor = 45, autovacuum_vacuum_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.01'),
            ('recipient_number', 'autovacuum_analyze_scale_factor = 0.01'),
            ('attempt', 'autovacuum_analyze_scale_factor = 0.01'),
            ('receipt', 'fillfactor = 60, autovacuum_analyze_scale_factor = 0.01'),
            ('flow_answer', 'autovacuum_analyze_scale_factor = 0.01')) as part (parent, options)
    loop
        continue when to_regclass(part.parent || '_v' || volume) is not null;
        execute format('create table %1$s_v%2$s (like %1$s including all,
            constraint of_volume check (campaign_id >= %3$s and campaign_id < %4$s)) with (%5$s)', part.parent, volume,
            volume * campaigns_of_volume(), (volume + 1) * campaigns_of_volume(), part.options);
        execute format('alter table %1$s attach partition %1$s_v%2$s for values from (%3$s) to (%4$s)', part.parent, volume,
            volume * campaigns_of_volume(), (volume + 1) * campaigns_of_volume());
        -- Same as the partition bounds; each insert would check both.
        execute format('alter table %1$s_v%2$s drop constraint of_volume', part.parent, volume);
    end loop;
    insert into volume (id) values (volume) on conflict do nothing;
end $$;

-- Rotates volumes: if the current volume holds `largest` recipients, or its first campaign is older than `oldest`, new campaigns get
-- ids of the next volume. Creates the tables of the volume after the current one in any case. The producers call it once an
-- hour; concurrent calls are safe. Returns the current volume.
create function rotate_volume(largest bigint, oldest interval) returns bigint language plpgsql
    set client_min_messages = warning set lock_timeout = '2s' as $$
declare
    ids regclass := pg_get_serial_sequence('campaign', 'id');
    last_id bigint;
    current bigint;
begin
    lock table volume in share row exclusive mode;
    execute format('select last_value from %s', ids) into last_id;
    current := volume_of(last_id);
    perform create_volume(current);
    perform create_volume(current + 1);
    -- Within 100 ids of its end a volume is not rotated: a campaign created at this moment could get the same id twice.
    if volume_of(last_id + 100) > current or not exists (select from campaign where volume_of(id) = current) then
        return current;
    end if;
    if (select sum(recipients) from campaign where id >= current * campaigns_of_volume()) >= largest
        or (select min(created_at) from campaign where id >= current * campaigns_of_volume()) < clock_timestamp() - oldest
    then
        perform setval(ids, (current + 1) * campaigns_of_volume(), false);
        update volume set closed_at = clock_timestamp() where id = current;
        perform create_volume(current + 2);
        return current + 1;
    end if;
    return current;
end $$;

do $$
declare
    kept record;
begin
    for volume in 0..(select coalesce(max(volume_of(id)), 0) from campaign) + 1 loop
        perform create_volume(volume);
    end loop;

    for kept in select * from trigger_to_keep loop
        execute kept.definition;
    end loop;
    for kept in select * from view_to_keep order by depth loop
        execute format('create view %s %s as %s', kept.name,
            coalesce('with (' || array_to_string(kept.options, ', ') || ')', ''), kept.body);
        if kept.owner <> current_user::text then
            execute format('alter view %s owner to %s', kept.name, kept.owner);
        end if;
    end loop;
    for kept in
        select v.name, g.privilege_type, case g.grantee when 0 then 'public' else g.grantee::regrole::text end as reader
        from view_to_keep v, aclexplode(v.grants) g
    loop
        execute format('grant %s on %s to %s', kept.privilege_type, kept.name, kept.reader);
    end loop;
    for kept in select * from comment_to_keep loop
        if kept.column_name is null then
            execute format('comment on view %s is %L', kept.name, kept.description);
        else
            execute format('comment on column %s.%I is %L', kept.name, kept.column_name, kept.description);
        end if;
    end loop;
end $$;

drop table view_to_keep, trigger_to_keep, comment_to_keep;

-- Counters of a campaign that differ from a full count, in one snapshot; no rows if all are right.
drop view tally_check;
create function miscount_of(campaign bigint) returns table (kind text, counted bigint, kept bigint) language sql stable as $$
    with counted as (
        select state as kind, count(*) as n from recipient where campaign_id = campaign group by 1
        union all select 'recipient', count(*) from recipient where campaign_id = campaign having count(*) > 0
        union all select 'attempt_' || outcome, count(*) from attempt where campaign_id = campaign group by 1
        union all
        select e.kind, count(*)
        from receipt r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e where r.campaign_id = campaign group by 1
        union all select 'answer', count(*) from flow_answer where campaign_id = campaign having count(*) > 0
        union all select 'answered', count(distinct seq) from flow_answer where campaign_id = campaign having count(*) > 0
        union all
        select state || ' of +' || calling_code, count(*) from recipient where campaign_id = campaign and is_by_country(state)
        group by state, calling_code
        union all
        select 'recipient of +' || calling_code, count(*) from recipient where campaign_id = campaign group by calling_code
        union all
        select k.kind, count(*)
        from receipt b cross join lateral (
            select billing_kind(billable, delivered_at) as kind
            union all select billing_kind(billable, delivered_at) || ' of +' || calling_code
        ) k
        where b.campaign_id = campaign and k.kind is not null and calling_code is not null group by 1
        union all
        -- Each recipient is found by its number.
        select 'recipient by number', count(*) from recipient r join recipient_number n using (campaign_id, msisdn)
        where r.campaign_id = campaign and n.seq = r.seq having count(*) > 0
    ), kept as (
        select kind, n from tally_now where campaign_id = campaign
        union all select kind || ' of +' || calling_code, n from tally_by_country_now where campaign_id = campaign
        union all
        select 'recipient by number', count(*) from recipient where campaign_id = campaign and msisdn > 0 having count(*) > 0
    )
    select coalesce(c.kind, t.kind), coalesce(c.n, 0), coalesce(t.n, 0)
    from counted c full join kept t on t.kind = c.kind
    where coalesce(c.n, 0) <> coalesce(t.n, 0)
        and not exists (select from campaign a where a.id = campaign and a.archived_at is not null)
$$;

-- Progress of moving the rows of the old tables. Dropped together with them.
create table relocation (
    -- The old table whose rows are being moved.
    table_name text primary key,
    -- Rows with a seq up to this one are moved.
    up_to integer not null
);
