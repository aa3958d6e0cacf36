-- Counts kept as the work goes, so that no report counts a list. Why in this way: docs/adr/0011.
--
-- Whoever changes recipients, attempts, receipts or answers adds what that changes to tally_delta, in the same transaction: the
-- triggers below and in V11 do. Nobody updates a row there, so nobody waits for anybody. About once a second the deltas are
-- folded into tally, tally_by_minute and tally_by_country (fold_tallies). What holds is the sum of both at every moment; tally_now gives it.

create table tally (
    campaign_id bigint not null,
    kind text not null,
    n bigint not null,
    -- The first and the last request, and the last recording, of kinds that count requests.
    first_at timestamptz,
    last_at timestamptz,
    recorded_at timestamptz,
    primary key (campaign_id, kind)
) with (fillfactor = 50);
comment on table tally is 'how many of a kind there are in a campaign, as far as the deltas are folded';
comment on column tally.kind is
    'recipient; a state of recipients; attempt_ and an outcome; delivered, read, undelivered; answer, and answered for people who answered';

create table tally_by_minute (
    campaign_id bigint not null,
    minute timestamptz not null,
    kind text not null,
    -- The provider's code, empty where there is none.
    code text not null,
    n bigint not null,
    first_at timestamptz,
    last_at timestamptz,
    recorded_at timestamptz,
    primary key (campaign_id, minute, kind, code)
) with (fillfactor = 70);
comment on table tally_by_minute is 'the same for what happens at a time, by minute and code';

create table tally_by_country (
    campaign_id bigint not null,
    calling_code smallint not null,
    kind text not null,
    n bigint not null,
    primary key (campaign_id, calling_code, kind)
) with (fillfactor = 50);
comment on table tally_by_country is
    'the same for recipients and for the states they stay in, by country calling code; who has no such state still waits';

-- A change of a count, by one statement. Rows live for about a second.
create table tally_delta (
    campaign_id bigint not null,
    kind text not null,
    -- Null for what has no time: states.
    minute timestamptz,
    code text,
    -- Null for what is not counted by country.
    calling_code smallint,
    n bigint not null,
    first_at timestamptz,
    last_at timestamptz,
    recorded_at timestamptz
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create function minute_of(at timestamptz) returns timestamptz language sql immutable parallel safe
    return date_bin('1 minute', at, 'epoch');

create view tally_now as
select campaign_id, kind, sum(n)::bigint as n, min(first_at) as first_at, max(last_at) as last_at,
    max(recorded_at) as recorded_at
from (
    select campaign_id, kind, n, first_at, last_at, recorded_at from tally
    union all select campaign_id, kind, n, first_at, last_at, recorded_at from tally_delta
) t
group by campaign_id, kind;

create view tally_by_minute_now as
select campaign_id, minute, kind, code, sum(n)::bigint as n, min(first_at) as first_at, max(last_at) as last_at,
    max(recorded_at) as recorded_at
from (
    select campaign_id, minute, kind, code, n, first_at, last_at, recorded_at from tally_by_minute
    union all
    select campaign_id, minute, kind, coalesce(code, ''), n, first_at, last_at, recorded_at from tally_delta
    where minute is not null
) t
group by campaign_id, minute, kind, code;

create view tally_by_country_now as
select campaign_id, calling_code, kind, sum(n)::bigint as n
from (
    select campaign_id, calling_code, kind, n from tally_by_country
    union all
    select campaign_id, calling_code, kind, n from tally_delta where calling_code is not null
) t
group by campaign_id, calling_code, kind;

-- Folds the deltas that are there. Two at once take different ones. Returns how many it was.
create function fold_tallies() returns bigint language sql as $$
    with gone as (
        delete from tally_delta where ctid = any(array(
            select ctid from tally_delta limit 20000 for update skip locked))
        returning *
    ), totals as (
        insert into tally as t (campaign_id, kind, n, first_at, last_at, recorded_at)
        select campaign_id, kind, sum(n), min(first_at), max(last_at), max(recorded_at) from gone
        group by campaign_id, kind order by campaign_id, kind
        on conflict (campaign_id, kind) do update
        set n = t.n + excluded.n, first_at = least(t.first_at, excluded.first_at),
            last_at = greatest(t.last_at, excluded.last_at), recorded_at = greatest(t.recorded_at, excluded.recorded_at)
    ), minutes as (
        insert into tally_by_minute as t (campaign_id, minute, kind, code, n, first_at, last_at, recorded_at)
        select campaign_id, minute, kind, coalesce(code, ''), sum(n), min(first_at), max(last_at), max(recorded_at)
        from gone where minute is not null
        group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (campaign_id, minute, kind, code) do update
        set n = t.n + excluded.n, first_at = least(t.first_at, excluded.first_at),
            last_at = greatest(t.last_at, excluded.last_at), recorded_at = greatest(t.recorded_at, excluded.recorded_at)
    ), countries as (
        insert into tally_by_country as t (campaign_id, calling_code, kind, n)
        select campaign_id, calling_code, kind, sum(n) from gone where calling_code is not null
        group by campaign_id, calling_code, kind order by campaign_id, calling_code, kind
        on conflict (campaign_id, calling_code, kind) do update set n = t.n + excluded.n
    )
    select count(*) from gone
$$;

-- The states that recipients stay in are counted by country, those they only pass are not: a delta more in a statement would
-- cost, and who waits in a country is the rest.
create function is_by_country(state text) returns boolean language sql immutable parallel safe
    return state not in ('pending', 'sending', 'retry');

-- Recipients and their states. The triggers are those of the whole table, so a list that is copied into its partition is
-- counted by the import.
create function tally_recipients() returns trigger language plpgsql as $$
begin
    if TG_OP = 'UPDATE' then
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, country, sum(n)
        from (
            select campaign_id, state, case when is_by_country(state) then calling_code end as country, 1 as n from rows_now
            union all
            select campaign_id, state, case when is_by_country(state) then calling_code end, -1 from rows_before
        ) changed
        group by campaign_id, state, country having sum(n) <> 0;
    elsif TG_OP = 'INSERT' then
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, case when is_by_country(state) then calling_code end, count(*) from rows_now group by 1, 2, 3
        union all
        select campaign_id, 'recipient', calling_code, count(*) from rows_now group by 1, 3;
    else
        insert into tally_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, case when is_by_country(state) then calling_code end, -count(*) from rows_before
        group by 1, 2, 3
        union all
        select campaign_id, 'recipient', calling_code, -count(*) from rows_before group by 1, 3;
    end if;
    return null;
end $$;
create trigger tally_updated after update on recipient referencing old table as rows_before new table as rows_now
    for each statement execute function tally_recipients();
create trigger tally_inserted after insert on recipient referencing new table as rows_now
    for each statement execute function tally_recipients();
create trigger tally_deleted after delete on recipient referencing old table as rows_before
    for each statement execute function tally_recipients();

create function tally_attempts() returns trigger language plpgsql as $$
begin
    insert into tally_delta (campaign_id, kind, minute, code, n, first_at, last_at, recorded_at)
    select campaign_id, 'attempt_' || outcome, minute_of(sent_at), reason_code, count(*), min(sent_at), max(sent_at),
        max(recorded_at)
    from rows_now group by 1, 2, 3, 4;
    return null;
end $$;
create trigger tally_inserted after insert on attempt referencing new table as rows_now
    for each statement execute function tally_attempts();
