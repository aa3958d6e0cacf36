-- Tables for the posts of a day are made and dropped without a lock that posts wait for. 'create table … partition of' and
-- 'drop table' of a partition lock the whole of webhook_body exclusively: behind a reader that held a snapshot for an hour
-- (pg_dump), every post of every server waited that long.

create function is_webhook_day(day date) returns boolean language sql volatile
    return exists (
        select from pg_inherits where inhparent = 'webhook_body'::regclass
            and inhrelid = to_regclass('webhook_body_' || to_char(day, 'YYYYMMDD')));

-- Makes the tables for the posts of today and of so many days after it. Attaching takes SHARE UPDATE EXCLUSIVE of webhook_body, for
-- which neither posts nor readers wait, and the constraint saves the look at the rows. Returns for how many days after today
-- there are tables; -1 is none, not even for today. If another session holds a lock or makes the same table, the rest is
-- made by the next call. No advisory lock: any role could hold it.
create function make_webhook_days(ahead integer) returns integer language plpgsql
    set client_min_messages = warning set lock_timeout = '2s' as $$
declare
    today date := (clock_timestamp() at time zone 'utc')::date;
begin
    for day in 0..ahead loop
        continue when is_webhook_day(today + day);
        begin
            execute format('create table %I (like webhook_body including all,
                constraint of_day check (received_on >= %L and received_on < %L))',
                'webhook_body_' || to_char(today + day, 'YYYYMMDD'), today + day, today + day + 1);
            execute format('alter table webhook_body attach partition %I for values from (%L) to (%L)',
                'webhook_body_' || to_char(today + day, 'YYYYMMDD'), today + day, today + day + 1);
        exception
            when lock_not_available or deadlock_detected then return day - 1;
            when duplicate_table or unique_violation then
                -- Another session has made it meanwhile.
                if not is_webhook_day(today + day) then return day - 1; end if;
        end;
    end loop;
    return ahead;
end $$;
select make_webhook_days(7);

-- Tables of days are dropped by the server (store/src/retention.rs): detaching without an exclusive lock cannot be done in a function.
drop function keep_webhook_days(integer);

-- Recipients that are listed for settling are looked at after growing pauses. Before, each campaign with somebody in the list cost
-- a transaction a second, also where nothing could change.
alter table receipt_to_settle
    add column listed_at timestamptz not null default clock_timestamp(),
    add column look_at timestamptz not null default clock_timestamp();
comment on column receipt_to_settle.look_at is
    'not looked at before; a new receipt or answer sets it anew, so that a look that began earlier does not delete the row';
