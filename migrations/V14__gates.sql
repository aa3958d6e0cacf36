-- Gates: a rate that changes, the pause a provider asks for, and what workers see of a change.

-- No departure slot is given out before this time: the provider answered "too fast" and asked for a pause. The pause is kept
-- apart from the theoretical arrival time, which follows the rate when an operator changes it.
alter table sender_gate add column paused_until timestamptz not null default 'epoch';
