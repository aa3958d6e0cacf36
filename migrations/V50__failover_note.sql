-- expand: earlier builds do not use this table.
--
-- Producers with `[postgres] failover = "trust-synchronous"` note here that commits wait for a synchronous standby. The row travels with
-- the synchronous standby, so a producer that starts after a failover finds it. An asynchronous standby has the row as well
-- (docs/adr/0019). It is not in `installation`, which every claim reads and which is therefore changed rarely.
create table failover_note (
    is_only boolean primary key default true check (is_only),
    -- The timeline of the server that wrote it.
    timeline text not null,
    -- When a producer looked last.
    checked_at timestamptz not null,
    -- When a synchronous standby was last connected; -infinity if commits do not wait for one.
    seen_at timestamptz
) with (fillfactor = 50);
