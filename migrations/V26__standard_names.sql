-- Standard names: counters instead of tallies, resolutions instead of settlements. CHANGELOG.md lists old and new names.

alter table tally rename to counter;
alter table tally_by_minute rename to counter_by_minute;
alter table tally_by_country rename to counter_by_country;
alter table tally_delta rename to counter_delta;
alter table settlement rename to resolution;
alter table unsettled rename to unknown_recipient;
alter table receipt_to_settle rename to receipt_to_resolve;
alter table orphan rename to unmatched_status;
alter view tally_now rename to counter_now;
alter view tally_by_minute_now rename to counter_by_minute_now;
alter view tally_by_country_now rename to counter_by_country_now;
alter view report.settlement rename to resolution;

alter table resolution rename column settled_by to resolved_by;
alter table resolution rename column settled_at to resolved_at;
alter view report.resolution rename column settled_by to resolved_by;
alter view report.resolution rename column settled_at to resolved_at;

alter sequence settlement_id_seq rename to resolution_id_seq;
alter index settlement_pkey rename to resolution_pkey;
alter index settlement_of_recipient rename to resolution_of_recipient;
alter table resolution rename constraint settlement_settled_by_check to resolution_resolved_by_check;
alter table resolution rename constraint settlement_campaign_id_fkey to resolution_campaign_id_fkey;
alter index orphan_pkey rename to unmatched_status_pkey;
alter index orphan_by_time rename to unmatched_status_by_time;
alter table unmatched_status rename constraint orphan_sender_id_fkey to unmatched_status_sender_id_fkey;
alter index receipt_to_settle_pkey rename to receipt_to_resolve_pkey;
alter index tally_pkey rename to counter_pkey;
alter index tally_by_minute_pkey rename to counter_by_minute_pkey;
alter index tally_by_country_pkey rename to counter_by_country_pkey;
alter index tally_delta_by_campaign rename to counter_delta_by_campaign;
alter index unsettled_pkey rename to unknown_recipient_pkey;
alter index unsettled_by_time rename to unknown_recipient_by_time;

alter trigger tally_inserted on recipient rename to count_inserted;
alter trigger tally_updated on recipient rename to count_updated;
alter trigger tally_deleted on recipient rename to count_deleted;
alter trigger tally_inserted on attempt rename to count_inserted;
alter trigger tally_inserted on receipt rename to count_inserted;
alter trigger tally_updated on receipt rename to count_updated;
alter trigger tally_deleted on receipt rename to count_deleted;
alter trigger tally_billing_inserted on receipt rename to count_billing_inserted;
alter trigger tally_billing_updated on receipt rename to count_billing_updated;
alter trigger tally_billing_deleted on receipt rename to count_billing_deleted;
alter trigger tally_inserted on flow_answer rename to count_inserted;

comment on view report.resolution is 'resolutions of recipients that were unknown or were resent to: one row each';
comment on column report.resolution.from_state is 'the state before';
comment on column report.resolution.to_state is 'the state after';
comment on column report.resolution.resolved_by is 'operator, rule (of the campaign) or receipt (of the provider)';
comment on column report.resolution.reason is 'the reason';
comment on column report.resolution.provider_message_id is 'the message id in the receipt';
comment on column report.resolution.resolved_at is 'the time';
comment on column report.attempt.late is 'the recipient was resolved before this attempt was recorded, and was not changed by it';

-- Functions with texts that name these tables: renamed, and created again with the new names.
alter function fold_tallies() rename to fold_counters;
alter function tally_answers() rename to count_answers;
alter function tally_attempts() rename to count_attempts;
alter function tally_billing() rename to count_billing;
alter function tally_receipts() rename to count_receipts;
alter function tally_recipients() rename to count_recipients;

create or replace function fold_counters()
 returns bigint
 language sql
as $function$
    with gone as (
        delete from counter_delta where ctid = any(array(
            select ctid from counter_delta limit 20000 for update skip locked))
        returning *
    ), totals as (
        insert into counter as t (campaign_id, kind, n, first_at, last_at, recorded_at)
        select campaign_id, kind, sum(n), min(first_at), max(last_at), max(recorded_at) from gone
        group by campaign_id, kind order by campaign_id, kind
        on conflict (campaign_id, kind) do update
        set n = t.n + excluded.n, first_at = least(t.first_at, excluded.first_at),
            last_at = greatest(t.last_at, excluded.last_at), recorded_at = greatest(t.recorded_at, excluded.recorded_at)
    ), minutes as (
        insert into counter_by_minute as t (campaign_id, minute, kind, code, n, first_at, last_at, recorded_at)
        select campaign_id, minute, kind, coalesce(code, ''), sum(n), min(first_at), max(last_at), max(recorded_at)
        from gone where minute is not null
        group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (campaign_id, minute, kind, code) do update
        set n = t.n + excluded.n, first_at = least(t.first_at, excluded.first_at),
            last_at = greatest(t.last_at, excluded.last_at), recorded_at = greatest(t.recorded_at, excluded.recorded_at)
    ), countries as (
        insert into counter_by_country as t (campaign_id, calling_code, kind, n)
        select campaign_id, calling_code, kind, sum(n) from gone where calling_code is not null
        group by campaign_id, calling_code, kind order by campaign_id, calling_code, kind
        on conflict (campaign_id, calling_code, kind) do update set n = t.n + excluded.n
    )
    select count(*) from gone
$function$;

create or replace function count_answers()
 returns trigger
 language plpgsql
as $function$
begin
    insert into counter_delta (campaign_id, kind, minute, n)
    select campaign_id, 'answer', minute_of(answered_at), count(*) from rows_now group by 1, 3;
    with first_answers as (
        insert into answered (campaign_id, seq) select distinct campaign_id, seq from rows_now order by 1, 2
        on conflict do nothing returning campaign_id
    )
    insert into counter_delta (campaign_id, kind, n)
    select campaign_id, 'answered', count(*) from first_answers group by 1;
    return null;
end $function$;

create or replace function count_attempts()
 returns trigger
 language plpgsql
as $function$
begin
    insert into counter_delta (campaign_id, kind, minute, code, n, first_at, last_at, recorded_at)
    select campaign_id, 'attempt_' || outcome, minute_of(sent_at), reason_code, count(*), min(sent_at), max(sent_at),
        max(recorded_at)
    from rows_now group by 1, 2, 3, 4;
    return null;
end $function$;

create or replace function count_billing()
 returns trigger
 language plpgsql
as $function$
begin
    if TG_OP = 'UPDATE' then
        if not exists (select from rows_now where billable is not null)
            and not exists (select from rows_before where billable is not null) then
            return null;
        end if;
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, kind, calling_code, sum(n)
        from (
            select campaign_id, billing_kind(billable, delivered_at) as kind, calling_code, 1 as n
            from rows_now where billable is not null
            union all
            select campaign_id, billing_kind(billable, delivered_at), calling_code, -1 from rows_before where billable is not null
        ) changed
        where kind is not null and calling_code is not null
        group by campaign_id, kind, calling_code having sum(n) <> 0;
    elsif TG_OP = 'INSERT' then
        if not exists (select from rows_now where billable is not null) then
            return null;
        end if;
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, billing_kind(billable, delivered_at), calling_code, count(*) from rows_now
        where billing_kind(billable, delivered_at) is not null and calling_code is not null group by 1, 2, 3;
    else
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, billing_kind(billable, delivered_at), calling_code, -count(*) from rows_before
        where billing_kind(billable, delivered_at) is not null and calling_code is not null group by 1, 2, 3;
    end if;
    return null;
end $function$;

create or replace function count_receipts()
 returns trigger
 language plpgsql
as $function$
begin
    if TG_OP in ('UPDATE', 'INSERT') then
        insert into counter_delta (campaign_id, kind, minute, code, n)
        select r.campaign_id, e.kind, e.minute, e.code, count(*)
        from rows_now r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e group by 1, 2, 3, 4;
    end if;
    if TG_OP in ('UPDATE', 'DELETE') then
        insert into counter_delta (campaign_id, kind, minute, code, n)
        select r.campaign_id, e.kind, e.minute, e.code, -count(*)
        from rows_before r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e group by 1, 2, 3, 4;
    end if;
    return null;
end $function$;

create or replace function count_recipients()
 returns trigger
 language plpgsql
as $function$
begin
    if TG_OP = 'UPDATE' then
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, country, sum(n)
        from (
            select campaign_id, state, case when is_by_country(state) then calling_code end as country, 1 as n from rows_now
            union all
            select campaign_id, state, case when is_by_country(state) then calling_code end, -1 from rows_before
        ) changed
        group by campaign_id, state, country having sum(n) <> 0;
    elsif TG_OP = 'INSERT' then
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, case when is_by_country(state) then calling_code end, count(*) from rows_now group by 1, 2, 3
        union all
        select campaign_id, 'recipient', calling_code, count(*) from rows_now group by 1, 3;
    else
        insert into counter_delta (campaign_id, kind, calling_code, n)
        select campaign_id, state, case when is_by_country(state) then calling_code end, -count(*) from rows_before
        group by 1, 2, 3
        union all
        select campaign_id, 'recipient', calling_code, -count(*) from rows_before group by 1, 3;
    end if;
    return null;
end $function$;

create or replace function miscount_of(campaign bigint)
 returns table (kind text, counted bigint, kept bigint)
 language sql
 stable
as $function$
    with counted as (
        select state as kind, count(*) as n from recipient where campaign_id = campaign group by 1
        union all select 'recipient', count(*) from recipient where campaign_id = campaign having count(*) > 0
        union all select 'attempt_' || outcome, count(*) from attempt where campaign_id = campaign group by 1
        union all
        select e.kind, count(*)
        from receipt r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e where r.campaign_id = campaign group by 1
        union all select 'answer', count(*) from flow_answer where campaign_id = campaign having count(*) > 0
        union all select 'answered', count(distinct seq) from flow_answer where campaign_id = campaign having count(*) > 0
        union all
        select state || ' of +' || calling_code, count(*) from recipient where campaign_id = campaign and is_by_country(state)
        group by state, calling_code
        union all
        select 'recipient of +' || calling_code, count(*) from recipient where campaign_id = campaign group by calling_code
        union all
        select k.kind, count(*)
        from receipt b cross join lateral (
            select billing_kind(billable, delivered_at) as kind
            union all select billing_kind(billable, delivered_at) || ' of +' || calling_code
        ) k
        where b.campaign_id = campaign and k.kind is not null and calling_code is not null group by 1
        union all
        -- Each recipient is found by its number.
        select 'recipient by number', count(*) from recipient r join recipient_number n using (campaign_id, msisdn)
        where r.campaign_id = campaign and n.seq = r.seq having count(*) > 0
    ), kept as (
        select kind, n from counter_now where campaign_id = campaign
        union all select kind || ' of +' || calling_code, n from counter_by_country_now where campaign_id = campaign
        union all
        select 'recipient by number', count(*) from recipient where campaign_id = campaign and msisdn > 0 having count(*) > 0
    )
    select coalesce(c.kind, t.kind), coalesce(c.n, 0), coalesce(t.n, 0)
    from counted c full join kept t on t.kind = c.kind
    where coalesce(c.n, 0) <> coalesce(t.n, 0)
        and not exists (select from campaign a where a.id = campaign and a.archived_at is not null)
$function$;

-- Texts of reasons, the same as in crates/campaign/src/states/reason_codes.rs.
create or replace function reason_words(code text) returns text language sql immutable parallel safe
    return case code
        when 'worker_died' then 'the worker died between sending and recording; the provider may have accepted the message'
        when 'backup_restored' then 'the database was restored from a backup; the message may have been sent after the backup'
        when 'resent' then 'the recipient is sent to again'
        when 'attempts_used_up' then 'the outcome was unknown, and no attempt was left'
        when 'unknown_given_up' then 'the outcome was unknown, and the recipient was given up'
        when 'deadline' then 'the deadline of the campaign passed before the message was sent'
        when 'campaign_cancelled' then 'the campaign was cancelled'
        when 'suppressed' then 'suppressed by an operator'
        when 'opted_out' then 'the person opted out'
        when 'erased' then 'the phone number was erased'
        when 'recipient_hours' then 'it is outside the sending hours at the recipient; the message is sent later'
        when 'hours_over' then 'the sending hours ended before the message was sent'
        when 'had_enough' then 'the provider withholds messages to this person for a day (Meta 131049); the message is sent later'
        when 'pair_limit' then 'another message to this recipient was sent moments ago; WhatsApp requires a pause'
        when 'slot_missed' then 'the worker was suspended and missed its departure slot'
        when 'lease_ended' then 'the worker was suspended until its lease ended; nothing was sent'
        when 'window_closed' then 'the 24-hour window is closed, and the campaign has no template'
        when 'variable_missing' then 'a variable of the message is missing or empty in the row'
        when 'text_too_long' then 'a text of the message with its variables is longer than WhatsApp allows'
        when 'text_over_limit' then 'filling in a text of the message takes too many steps or gives too long a text'
        when 'text_faulty' then 'a text of the message uses something that the template language does not have'
        when 'line_break_in_variable' then 'a variable of the template contains a line break, a tab or more than four consecutive spaces'
        when 'emoji_in_button' then 'the text of the button contains an emoji'
        when 'claim_unanswered' then 'PostgreSQL did not answer the claim; nothing was sent'
        when 'worker_stopping' then 'the worker was stopped before the message was sent'
        when 'opened_again' then 'the sender or the campaign was stopped and started again before the message was sent'
        when 'connect_failed' then 'the provider cannot be reached; nothing was sent'
        when 'connect_timeout' then 'the provider did not accept the connection in time; nothing was sent'
        when 'dns_failed' then 'the host name of the provider cannot be resolved; nothing was sent'
        when 'tls_failed' then 'the TLS connection to the provider failed; nothing was sent'
        when 'bad_certificate' then 'the TLS certificate at the sender''s base URL is invalid or not the provider''s; nothing was sent'
        when 'request_not_built' then 'the request could not be built; nothing was sent'
        when 'timeout' then 'the provider did not answer completely in time; it may have accepted the message'
        when 'connection_lost' then 'the connection broke before a complete answer; the provider may have accepted the message'
        when 'answer_too_large' then 'the answer is too long to be the provider''s; the provider may have accepted the message'
        when 'no_message_id' then 'the provider''s answer is a success without a message id'
        when 'contradictory_answer' then 'the provider''s answer is a success and an error at once'
        when 'refused' then 'the provider refused with an error that is not in the table of its errors'
        when 'failed' then 'not delivered, for a reason that is not in the table of the provider''s errors'
        when 'queued' then 'queued by the provider without a message id; the message may be sent later'
        when 'flow_by_name' then '1msg knows flows by id only; write flow_id in the campaign file'
        when 'not_at_this_provider' then 'the provider cannot send such a message; ''flowcast campaign check'' says what to change'
        when 'low_balance' then 'the account at the provider has no money left'
        when 'payment' then 'the provider waits for a payment or has no payment method'
        when 'bad_credentials' then 'the API key or the account id of the sender is wrong'
        when 'sender_not_allowed' then 'the number does not belong to this account, or the account may not use this API'
        when 'misconfigured' then 'the sender''s base URL is not the provider''s'
        when 'daily_limit' then 'the provider''s daily message limit is used up'
        when 'provider_down' then 'the provider answered no request'
        when 'daily_cap' then 'the sender''s daily cap is used up'
        when 'policy_hold' then 'the provider restricts the number because of spam or its policy'
        when 'too_many_refusals' then 'many refusals in a row; the message itself is probably wrong'
        when 'template_fault' then 'the template is missing, paused or disabled at the provider'
        when 'flow_fault' then 'the flow is blocked, throttled or broken at the provider'
        when 'operator' then 'an operator stopped the sender or the campaign'
    end;
