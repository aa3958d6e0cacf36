-- expand: earlier builds do not read this table, and work for every sender.
-- Workers that are alive, so that each of them finds out for which senders it works. `worker` has the senders for which they work.
create table live_worker (
    worker uuid primary key,
    -- The only senders for which it may work; null: all.
    senders bigint[],
    -- Senders for which all its requests were in use lately.
    full_of bigint[] not null default '{}',
    seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
