-- Two campaigns in partitions of their own, as up to migration V22. The first has more rows than one batch moves, and an erased number.
insert into sender (name, provider, base_url, number, account, api_key_ref)
values ('main', 'kaleyra', 'http://127.0.0.1:1', '919900000000', 'SID', 'env:KEY');
insert into campaign (name, sender_id, definition, state, recipients)
select 'old', s.id, '{"name": "old", "sender": "main", "template": {}}', 'finished', n
from sender s, (values (120000), (3)) as of (n) order by n desc;
select create_campaign_partitions(id), create_receipt_partitions(id), create_recipients(id) from campaign;
insert into recipient_c1 (campaign_id, seq, msisdn, calling_code, state, claim_id, variables)
select 1, seq, case seq when 7 then -7 else 254700000000 + seq end, 254, 'accepted', seq / 100, '{"town": "Nakuru"}'
from generate_series(1, 120000) seq;
insert into recipient_c2 (campaign_id, seq, msisdn, calling_code) select 2, seq, 254700000000 + seq, 254 from generate_series(1, 3) seq;
select attach_recipients(id) from campaign;
-- As an import counts.
insert into tally_delta (campaign_id, kind, calling_code, n)
select campaign_id, state, case when is_by_country(state) then calling_code end, count(*) from recipient group by 1, 2, 3
union all
select campaign_id, 'recipient', calling_code, count(*) from recipient group by 1, 3;
insert into attempt (campaign_id, claim_id, sent_at, seq, latency_us, outcome, late, reason_code)
select campaign_id, claim_id + n, '2026-11-01', seq, 40000, case n when 0 then 'retry' else 'accepted' end, false, 'E1'
from recipient, generate_series(0, 1) n where campaign_id = 1;
insert into receipt (campaign_id, seq, delivered_at) select campaign_id, seq, '2026-11-01' from recipient where campaign_id = 1;
insert into flow_answer (campaign_id, seq, answered_at, inbound_id, answer)
select campaign_id, seq, '2026-11-01', 'in' || seq, '{"rating": 5}' from recipient where seq % 10 = 0;
create view of_analyst as select campaign_id, count(*) as n from report.recipient group by campaign_id;
comment on column of_analyst.n is 'how many';
create view of_analyst_on_that as select sum(n) as n from of_analyst;
