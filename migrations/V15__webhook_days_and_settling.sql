-- Recipients that are listed for settling are looked at after growing pauses. Before, each campaign with somebody in the list cost
-- a transaction a second, also where nothing could change.
alter table receipt_to_settle
    add column listed_at timestamptz not null default clock_timestamp(),
    add column look_at timestamptz not null default clock_timestamp();
comment on column receipt_to_settle.look_at is
    'not looked at before; a new receipt or answer sets it anew, so that a look that began earlier does not delete the row';
