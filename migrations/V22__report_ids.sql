-- Readers that may not see numbers see no provider's id either: Meta's and 1msg's ids of messages (wamid) hold the number in base64.

-- Key of the ids that such readers see, so that nobody can try numbers until the hash is the same.
alter table installation add column report_key bytea check (length(report_key) = 32);
update installation set report_key = sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
alter table installation alter column report_key set not null;
comment on column installation.report_key is 'key of the ids that readers see who may not see numbers';

-- The same id gives the same text in every view, so joins work as with the id itself.
create function hashed_id(id text, key bytea) returns text language sql stable parallel safe
    return 'h:' || left(encode(sha256(key || convert_to(id, 'UTF8')), 'hex'), 32);

-- The key is an argument: views read it with the rights of their owner, and readers have none on the table.
create function shown_id(id text, sees_numbers boolean, key bytea) returns text language sql stable parallel safe
    return case when sees_numbers then id else hashed_id(id, key) end;

create or replace view report.recipient as
select r.campaign_id, r.seq,
    case when r.msisdn > 0 and (select report.sees_numbers()) then r.msisdn::text else masked(r.msisdn, r.calling_code) end as number,
    r.calling_code::text as calling_code, r.state, r.reason_code,
    coalesce(reason_words(r.reason_code), (
        select a.reason_text from attempt a
        where a.campaign_id = r.campaign_id and a.seq = r.seq and a.reason_code = r.reason_code
        order by a.claim_id desc limit 1), (
        select w.words from campaign c join sender s on s.id = c.sender_id join failure_code w on w.provider = s.provider
        where c.id = r.campaign_id and w.code = r.reason_code and r.state = 'failed')) as reason,
    r.attempts, r.changed_at,
    (select min(a.sent_at) from attempt a where a.campaign_id = r.campaign_id and a.seq = r.seq) as first_sent_at,
    (select max(a.sent_at) from attempt a where a.campaign_id = r.campaign_id and a.seq = r.seq) as last_sent_at,
    coalesce((
        select shown_id(a.provider_message_id, (select report.sees_numbers()), (select report_key from installation))
        from attempt a
        where a.campaign_id = r.campaign_id and a.seq = r.seq and a.outcome = 'accepted'
        order by a.claim_id desc limit 1), (
        select shown_id(p.provider_message_id, (select report.sees_numbers()), (select report_key from installation))
        from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq)
    ) as provider_message_id,
    (select p.delivered_at from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq) as delivered_at,
    (select p.read_at from receipt p where p.campaign_id = r.campaign_id and p.seq = r.seq) as read_at,
    (select case when p.delivered_at is null then p.failed_at end from receipt p
        where p.campaign_id = r.campaign_id and p.seq = r.seq) as undelivered_at,
    (select case when p.delivered_at is null then p.code end from receipt p
        where p.campaign_id = r.campaign_id and p.seq = r.seq) as undelivered_code,
    (select w.words from receipt p join campaign c on c.id = p.campaign_id join sender s on s.id = c.sender_id
        join failure_code w on w.provider = s.provider and w.code = p.code
        where p.campaign_id = r.campaign_id and p.seq = r.seq and p.delivered_at is null) as undelivered_reason,
    (select min(f.answered_at) from flow_answer f where f.campaign_id = r.campaign_id and f.seq = r.seq) as answered_at
from recipient r;

create or replace view report.attempt as
select campaign_id, seq, claim_id, sent_at, recorded_at, latency_us / 1000::float8 as latency_ms, http_status, outcome, late,
    reason_code as code, reason_text as reason,
    shown_id(provider_message_id, (select report.sees_numbers()), (select report_key from installation)) as provider_message_id
from attempt;

create or replace view report.flow_answer as
select f.campaign_id, f.seq, f.answered_at, f.asked_at,
    greatest(f.answered_at - f.asked_at, interval '0') as time_to_answer,
    shown_id(f.inbound_id, (select report.sees_numbers()), (select report_key from installation)) as inbound_id,
    f.answer, f.from_other_number
from flow_answer f;

create or replace view report.settlement as
select s.campaign_id, s.seq, s.from_state, s.to_state, s.settled_by, s.reason,
    shown_id(s.provider_message_id, (select report.sees_numbers()), (select report_key from installation)) as provider_message_id,
    s.settled_at
from settlement s;

comment on column report.recipient.provider_message_id is
    'the provider''s id of the message; a hash of it but for members of flowcast_report_numbers';
comment on column report.attempt.provider_message_id is
    'the provider''s id of the message; a hash of it but for members of flowcast_report_numbers';
comment on column report.flow_answer.inbound_id is
    'the provider''s id of the answer; a hash of it but for members of flowcast_report_numbers';
comment on column report.settlement.provider_message_id is
    'told by the receipt; a hash of it but for members of flowcast_report_numbers';

-- To which recipient a message belongs, by the provider's id of it, or by its hash. Without a campaign it is looked up by index
-- among the messages of 30 days of which the provider reported something; with one, all requests and receipts of that campaign are read.
-- It runs with the rights of its owner, so only members of flowcast_report_numbers may call it.
create function report.find_message(id text, in_campaign bigint default null)
returns table (campaign_id bigint, seq integer) language sql stable security definer set search_path = public, pg_temp as $$
    select m.campaign_id, m.seq from sender s
    join sent_message m on m.sender_id = s.id and m.message_hash = message_hash($1)
    where m.provider_message_id = $1 and (in_campaign is null or m.campaign_id = in_campaign)
    union
    select a.campaign_id, a.seq from attempt a
    where a.campaign_id = in_campaign and (a.provider_message_id = $1
        or $1 like 'h:%' and hashed_id(a.provider_message_id, (select report_key from installation)) = $1)
    union
    select r.campaign_id, r.seq from receipt r
    where r.campaign_id = in_campaign and (r.provider_message_id = $1
        or $1 like 'h:%' and hashed_id(r.provider_message_id, (select report_key from installation)) = $1)
$$;
comment on function report.find_message is 'the recipients of a message, by the provider''s id or its hash';
revoke execute on function report.find_message(text, bigint) from public;

-- As in V12, with the right to look up a message.
create or replace function report.create_readers() returns text language plpgsql as $$
declare
    reader text;
begin
    foreach reader in array array['flowcast_report', 'flowcast_report_numbers'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = reader) then
            begin
                execute format('create role %I nologin', reader);
            exception
                when duplicate_object or unique_violation then null;
                when insufficient_privilege then
                    return 'the role ' || reader || ' is missing, and ' || current_user || ' may not create it';
            end;
        end if;
    end loop;
    grant usage on schema report to flowcast_report, flowcast_report_numbers;
    grant select on all tables in schema report to flowcast_report, flowcast_report_numbers;
    alter default privileges in schema report grant select on tables to flowcast_report, flowcast_report_numbers;
    grant execute on function report.find_message(text, bigint) to flowcast_report_numbers;
    return 'flowcast_report and flowcast_report_numbers may read the views';
end $$;
select report.create_readers();

-- What our own codes mean; the program's list of them is campaign/src/own_codes.rs.
create or replace function reason_words(code text) returns text language sql immutable parallel safe
    return case code
        when 'worker_died' then 'the worker died between sending and recording'
        when 'backup_restored' then 'the database was restored from a backup; the message may have been sent after it'
        when 'resent' then 'was unknown, is sent to again'
        when 'attempts_used_up' then 'was unknown, and no attempt was left'
        when 'unknown_given_up' then 'was unknown, and was given up'
        when 'deadline' then 'the deadline of the campaign passed'
        when 'campaign_cancelled' then 'the campaign was cancelled'
        when 'suppressed' then 'must not be written to: an operator decided'
        when 'opted_out' then 'must not be written to: opted out'
        when 'erased' then 'the number was erased'
        when 'recipient_hours' then 'it was no time for messages where the recipient is'
        when 'hours_over' then 'the sending hours ended before the message left'
        when 'had_enough' then 'the provider withholds messages to this person for a day after a refusal'
        when 'pair_limit' then 'somebody wrote to this recipient moments before; WhatsApp wants a pause'
        when 'slot_missed' then 'the worker stood still, and there was no new slot for it'
        when 'lease_ended' then 'the worker stood still too long to send in time'
        when 'window_closed' then 'the 24-hour window is closed, and the campaign has no template'
        when 'variable_missing' then 'a variable that the message needs is missing or empty in the row'
        when 'text_too_long' then 'a text of the message is longer than WhatsApp takes when filled in'
        when 'text_over_limit' then 'filling in a text of the message takes too many steps or gives too long a text'
        when 'text_faulty' then 'a text of the message uses something that the template language does not have'
        when 'line_break_in_variable' then 'a variable of the template holds a line break, a tab or more than four spaces in a row'
        when 'emoji_in_button' then 'the text of the button holds an emoji'
        when 'claim_unanswered' then 'PostgreSQL did not answer the claim, and nothing was sent'
        when 'worker_stopping' then 'the worker was told to stop before the message left'
        when 'opened_again' then 'the sender or the campaign was stopped and started again before the message left'
        when 'connect_failed' then 'the provider cannot be reached; nothing was sent'
        when 'connect_timeout' then 'the provider did not take the connection in time; nothing was sent'
        when 'dns_failed' then 'the name of the provider cannot be looked up; nothing was sent'
        when 'tls_failed' then 'no secure connection to the provider; nothing was sent'
        when 'bad_certificate' then 'the certificate behind the sender''s base address is not the provider''s or not valid; nothing was sent'
        when 'request_not_built' then 'the request could not be built; nothing was sent'
        when 'timeout' then 'no whole answer in time; the provider may have taken the message'
        when 'connection_lost' then 'the connection broke before a whole answer; the message may have been taken'
        when 'answer_too_large' then 'the answer is too long to be the provider''s; the message may have been taken'
        when 'no_message_id' then 'the provider''s answer is a success without a message id'
        when 'contradictory_answer' then 'the provider''s answer is a success and a refusal at once'
        when 'refused' then 'refused with words that are not in the provider''s table'
        when 'failed' then 'not delivered, for a reason that is not in the provider''s table'
        when 'queued' then 'taken into a queue without a message id; it may be sent later'
        when 'flow_by_name' then '1msg knows flows by id only; write flow_id in the campaign file'
        when 'not_at_this_provider' then 'the provider cannot send such a message; flowcast campaign check says what to change'
        when 'low_balance' then 'the account at the provider has no money left'
        when 'payment' then 'the provider waits for a payment or has no payment method'
        when 'bad_credentials' then 'the key or the account id of the sender is wrong'
        when 'sender_not_allowed' then 'the number is not of this account, or the account may not use this API'
        when 'misconfigured' then 'the sender''s base address is not the provider''s'
        when 'daily_limit' then 'the provider''s messages of the day are used up'
        when 'provider_down' then 'the provider answered no request'
        when 'daily_cap' then 'the sender''s own recipients of the day are used up'
        when 'policy_hold' then 'the provider holds the number back for spam or for its policy'
        when 'too_many_refusals' then 'many refusals in a row; the message itself is probably wrong'
        when 'template_fault' then 'the template is missing, paused or disabled at the provider'
        when 'flow_fault' then 'the flow is blocked, throttled or broken at the provider'
        when 'operator' then 'an operator stopped the sender or the campaign'
    end;

-- What a list names its columns: told by check, and kept by an export.
alter table import
    add column number_column text,
    add column columns text[] not null default '{}';
comment on column import.columns is 'the header of the list as it is written, without blanks around each name';

create or replace view report.import as
select i.id as import_id, i.campaign_id, i.source, i.form, i.uploaded, i.imported, i.duplicates, i.suppressed, i.excluded,
    i.rejected, i.imported_at, i.hidden, i.number_column
from import i;
comment on column report.import.number_column is 'the column that holds the numbers, as the list names it';
