-- Permits for $1 recipients of sender $2 that are claimed already: the first slot is at least $3 microseconds ahead. $4 is the
-- epoch of the closed gate that they probe, or null.
with database as materialized (select is_confirmed() as is_confirmed), wanted as (
    select $1::bigint as n, 0::bigint as n_first from campaign
    where id = {{campaign}} and may_send(state, deadline_at, opens_at, closes_at) and (select is_confirmed from database)
), {{permit_steps}}
select p.*, {{refusal_columns}} from {{refusal_from}} left join permit p on true
where g.sender_id = $2 and c.id = {{campaign}}
