-- A queue message names a block of recipients, not one. `seq` is the first of them; without `seqs`, which earlier builds leave empty, it
-- is the only one.
alter table dead_letter add column seqs integer[];

create or replace view report.dead_letter as
select id as dead_letter_id, queue, reason, body, campaign_id, seq, body_bytes,
    encode(body_sha256, 'hex') as body_sha256, deaths, first_died_at, last_died_at, drained_at, redriven_at,
    coalesce(cardinality(seqs), (seq is not null)::int) as recipients
from dead_letter;

comment on column report.dead_letter.body is
    'the block, if it is one: a campaign and positions in its list; of any other message only length and hash are kept';
comment on column report.dead_letter.seq is 'the first recipient of the block';
comment on column report.dead_letter.recipients is 'the number of recipients of the block';
