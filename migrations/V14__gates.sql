-- Gates: a rate that changes, the pause a provider asks for, and what workers see of a change.

-- No departure slot is given out before this time: the provider answered "too fast" and asked for a pause. The pause is kept
-- apart from the theoretical arrival time, which follows the rate when an operator changes it.
alter table sender_gate add column paused_until timestamptz not null default 'epoch';

-- Senders and campaigns whose gate was changed: stopped, opened, given another rate. Workers compare what they claimed with it
-- before each request leaves (store/src/gate_watch.rs). Listed by the transaction of the change, which notifies as well. What
-- happens for each message changes no gate: claims and records list and notify nothing, but for a claim that uses up a daily cap.
create table gate_change (
    id bigint generated always as identity primary key,
    transaction_id xid8 not null default pg_current_xact_id(),
    sender_id bigint,
    campaign_id bigint,
    changed_at timestamptz not null default clock_timestamp(),
    check (num_nonnulls(sender_id, campaign_id) = 1)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
create index gate_change_by_transaction on gate_change (transaction_id);

-- Lists a change, and forgets a few that are older than an hour: no claim lives that long. Nobody waits for anybody here.
create function list_gate_change() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'campaign' then
        insert into gate_change (campaign_id) values (new.id);
    else
        insert into gate_change (sender_id) values (new.sender_id);
    end if;
    delete from gate_change where id = any(array(
        select id from gate_change
        where id <= (select min(id) + 20 from gate_change) and changed_at < clock_timestamp() - interval '1 hour'
        for update skip locked));
    perform pg_notify('flowcast_gate', '');
    return null;
end $$;

-- A claim moves tat and the day of a gate, and names is_open without changing it: the condition keeps it from being listed.
create trigger list_change after update of is_open, epoch, permits, per_us, pace, paused_until on sender_gate for each row
    when ((old.is_open, old.epoch, old.permits, old.per_us, old.pace, old.paused_until)
        is distinct from (new.is_open, new.epoch, new.permits, new.per_us, new.pace, new.paused_until))
    execute function list_gate_change();
create trigger list_change after update of state, epoch on campaign for each row
    when ((old.state, old.epoch) is distinct from (new.state, new.epoch))
    execute function list_gate_change();
