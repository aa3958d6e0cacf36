-- The claims of a sender wait for each other here before they look at recipients. A row and not an advisory lock: a role that
-- may only read reports cannot lock rows, and could take any advisory lock.
create table claim_lock (
    sender_id bigint primary key references sender on delete cascade
);
insert into claim_lock select id from sender;

-- What a reader of reports has no use for, and could fill the disk with. Done where whoever migrates may do it.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
exception when insufficient_privilege then
    raise notice 'temporary tables of readers are not revoked: % does not own the database', current_user;
end $$;
do $$
declare
    large_object regprocedure;
begin
    for large_object in
        select oid::regprocedure from pg_catalog.pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_import', 'lowrite', 'lo_open')
    loop
        execute format('revoke execute on function %s from public', large_object);
    end loop;
exception when insufficient_privilege then
    raise notice 'large objects of readers are not revoked: % is no superuser', current_user;
end $$;
