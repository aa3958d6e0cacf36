with given as (
    select a.seq, least(coalesce(a.at, now()), now()) as at, a.inbound_id, a.answer, a.number, a.spelling, a.person
    from unnest($1::int[], $2::timestamptz[], $3::text[], $4::jsonb[], $5::bigint[], $6::bigint[], $7::bigint[])
        as a (seq, at, inbound_id, answer, number, spelling, person)
), erased as materialized (
    select array(
        select p.seq from recipient p
        where p.campaign_id = $8::bigint and p.campaign_id between 0 and 9999 and p.seq = any($1) and p.msisdn < 0) as seqs
), stored as (
    insert into flow_answer (campaign_id, seq, answered_at, asked_at, inbound_id, answer, from_other_number)
    select $8::bigint, g.seq, g.at, (
            select min(t.sent_at) from attempt t
            where t.campaign_id = $8::bigint and t.campaign_id between 0 and 9999
                and t.seq = g.seq and t.outcome in ('accepted', 'unknown')),
        g.inbound_id, g.answer, coalesce((
            select p.msisdn > 0 and p.msisdn not in (g.number, g.spelling) and not exists (
                select from number_alias n
                where (n.alias, n.msisdn) in ((g.person, p.msisdn), (g.person, other_spelling(p.msisdn)),
                    (p.msisdn, g.person), (other_spelling(p.msisdn), g.person)))
            from recipient p
            where p.campaign_id = $8::bigint and p.campaign_id between 0 and 9999 and p.seq = g.seq and g.number is not null), false)
    from given g, erased e where not g.seq = any(e.seqs)
    order by g.seq, g.inbound_id
    on conflict do nothing
)
select count(*) from given g, erased e where g.seq = any(e.seqs)
