-- contract: builds that do not know this migration compare for equality, and refuse these tables.
--
-- Rolling upgrades. A build knows the migrations that it was built with, and works with later tables that say so here. From this migration
-- on, the first line of every migration says what it does:
--
--   -- expand: builds that do not know it work with its tables. It adds, and takes nothing away that they use.
--   -- contract: they do not. It ends with  update installation set schema_compatible_from = N;  where N is its own number.
--
-- The table has one row, so the lock is held for an instant.
alter table installation add column schema_compatible_from int not null default 42;
comment on column installation.schema_compatible_from is 'builds work with these tables if they know this migration';
update installation set schema_compatible_from = 42;
