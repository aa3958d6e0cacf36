-- expand: earlier builds do not use these columns.
--
-- After a failover that lost commits, or from a backup, living workers record again what they know (docs/adr/0019). Nobody confirms the
-- database before they have done it.
alter table live_worker
    -- When it had recorded again all it knows, in the database that is not confirmed; null: not yet, or the database is confirmed.
    add column recorded_again_at timestamptz,
    -- How many outcomes it recorded again.
    add column recorded_again bigint,
    -- The time from which on it knows all its outcomes.
    add column knows_since timestamptz;
