-- One person, however their number is written: WhatsApp writes some people under other digits than the list, or under an id of
-- its own. What is kept about a person (suppression, conversation) is kept under every spelling of the number, so that a claim
-- still compares one number.

-- Another number under which WhatsApp knows the person of a number: told by the answer to a request, or by a reply to our
-- message. Both are written as their number plans write them today. Only what the rules of spelling do not give is here.
create table number_alias (
    alias bigint not null,
    msisdn bigint not null,
    seen_on date not null default current_date,
    -- Whether the suppressions and conversations of each of the two were copied to the other.
    is_spread boolean not null default false,
    primary key (alias, msisdn)
);
create index number_alias_by_number on number_alias (msisdn, alias);
create index number_alias_to_spread on number_alias (alias, msisdn) where not is_spread;
comment on table number_alias is 'numbers that lead to the same person; personal data, erased with the number';

-- WhatsApp's own id of a person, and the number it leads to.
create table known_user (
    user_id text not null,
    sender_id bigint not null references sender on delete cascade,
    -- Null while no number is known.
    msisdn bigint,
    seen_on date not null default current_date,
    -- An opt-out or opt-in that came before the number was known; it is carried out when it is.
    consent_at timestamptz,
    is_opted_out boolean,
    is_by_provider boolean,
    primary key (user_id, sender_id),
    check (num_nulls(consent_at, is_opted_out, is_by_provider) in (0, 3))
);
create index known_user_by_number on known_user (msisdn) where msisdn is not null;
create index known_user_waiting on known_user (sender_id) where consent_at is not null and msisdn is null;
comment on table known_user is 'business-scoped user ids of WhatsApp; personal data, erased with the number';

-- A completed form that came from another number than the recipient's: somebody else may have used the recipient's flow token.
alter table flow_answer add column from_other_number boolean not null default false;
comment on column flow_answer.from_other_number is
    'the answer came from a number that is not known to be the recipient''s, and does not reply to our message';

create or replace view report.flow_answer as
select f.campaign_id, f.seq, f.answered_at, f.asked_at,
    greatest(f.answered_at - f.asked_at, interval '0') as time_to_answer, f.inbound_id, f.answer, f.from_other_number
from flow_answer f;
comment on column report.flow_answer.from_other_number is
    'the answer came from a number that is not known to be the recipient''s, and does not reply to our message';

-- Opt-outs that lead to no recipient: without a number, with a user id that is not known, or as a reply to a message that is not
-- known. They are kept and carried out when the number is known; replies for a week.
create view report.unmatched_opt_out as
with kept as (
    select sender_id, received_at as since from orphan
    where event ->> 'kind' = 'consent' and event ->> 'consent' = 'out' and event ->> 'is_matched' = 'false'
    union all
    select sender_id, consent_at from known_user where consent_at is not null and msisdn is null and is_opted_out
), waiting as (
    select sender_id, count(*) as n, min(since) as since from kept group by sender_id
), came as (
    select sender_id, n, last_at from webhook_count where kind = 'opt_out_unmatched'
)
select s.name as sender, coalesce(came.n, 0)::bigint as unmatched, came.last_at, coalesce(waiting.n, 0)::bigint as waiting,
    waiting.since as waiting_since
from sender s left join came on came.sender_id = s.id left join waiting on waiting.sender_id = s.id
where came.n is not null or waiting.n is not null;
comment on view report.unmatched_opt_out is 'one row a sender to whom somebody opted out whom no number, id or message leads to';
comment on column report.unmatched_opt_out.sender is 'the sender';
comment on column report.unmatched_opt_out.unmatched is 'opt-outs that could not be matched when they came; one that is posted again counts again';
comment on column report.unmatched_opt_out.last_at is 'when the last one came';
comment on column report.unmatched_opt_out.waiting is 'opt-outs that are kept and carried out when their recipient is known';
comment on column report.unmatched_opt_out.waiting_since is 'when the oldest of those came';

-- The other spelling of a number that has two, for the rows that are here already; the program has the rule in
-- campaign/src/spelling.rs.
create function other_spelling(n bigint) returns bigint language sql immutable as $$
    select case
        when n / 10000000000 = 52 and n / 1000000000 % 10 >= 2 then n - 520000000000 + 5210000000000
        when n / 10000000000 = 521 and n / 1000000000 % 10 >= 2 then n - 5210000000000 + 520000000000
        when n / 10000000000 = 54 and n / 1000000000 % 10 between 1 and 3 then n - 540000000000 + 5490000000000
        when n / 10000000000 = 549 and n / 1000000000 % 10 between 1 and 3 then n - 5490000000000 + 540000000000
        when n / 100000000 between 5511 and 5599 and n / 10000000 % 10 >= 6
            then (n / 100000000 * 10 + 9) * 100000000 + n % 100000000
        when n / 100000000 between 55119 and 55999 and n / 100000000 % 10 = 9 and n / 10000000 % 10 >= 6
            then n / 1000000000 * 100000000 + n % 100000000
        when n / 100000000 = 225 and n / 10000000 % 10 not between 1 and 3
            then (22500::bigint + case when n / 1000000 % 10 <= 3 then 1 when n / 1000000 % 10 <= 6 then 5 else 7 end)
                * 100000000 + n % 100000000
        when n / 10000000000 = 225 and n / 10000000 % 10 not between 1 and 3
            and n / 100000000 % 100 = case when n / 1000000 % 10 <= 3 then 1 when n / 1000000 % 10 <= 6 then 5 else 7 end
            then 22500000000 + n % 100000000
        when n / 100000000 = 229 then 2290100000000 + n % 100000000
        when n / 100000000 = 22901 then 22900000000 + n % 100000000
    end
$$;
insert into suppression (msisdn, sender_id, reason, added_at)
select other_spelling(msisdn), sender_id, reason, added_at from suppression where other_spelling(msisdn) is not null
order by id on conflict do nothing;
insert into conversation as c (sender_id, msisdn, last_inbound_at, consent_at, is_opted_out, quiet_until)
select sender_id, other_spelling(msisdn), last_inbound_at, consent_at, is_opted_out, quiet_until
from conversation where other_spelling(msisdn) is not null
on conflict (sender_id, msisdn) do update
set last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
    quiet_until = greatest(c.quiet_until, excluded.quiet_until),
    (consent_at, is_opted_out) = (select v.at, v.is_out
        from (values (c.consent_at, c.is_opted_out), (excluded.consent_at, excluded.is_opted_out)) v (at, is_out)
        order by v.at desc nulls last, v.is_out desc limit 1);
