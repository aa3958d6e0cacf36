-- expand: earlier builds do not compare the database, so they send from every one; they cannot read the new reason of a hold, and then send nothing.
--
-- The database that a person confirmed. The row travels with each replica, backup and dump; what it is compared with does not. So a
-- promoted standby, a recovered backup, a restored dump and a copy all differ from their own row, and claims grant nothing there
-- (docs/adr/0019). The table has one row, so its lock is held for an instant. `hold` has few rows, so checking them takes no time.
alter table installation
    add column system_identifier bigint,
    add column timeline text,
    add column database_id oid,
    add column table_id oid,
    add column confirmed_at timestamptz,
    add column confirmed_by text,
    add column difference_seen_at timestamptz;
comment on column installation.system_identifier is 'identifier of the confirmed cluster: initdb makes another one';
comment on column installation.timeline is 'timeline of the confirmed server: promotion and point-in-time recovery begin another one';
comment on column installation.database_id is 'oid of the confirmed database: a copy in the same cluster has another one';
comment on column installation.table_id is 'oid of this table: a restored dump has another one. A migration that creates the table again must set it';
comment on column installation.difference_seen_at is 'since when a producer sees another database than the confirmed one';

-- The database of this connection. PostgreSQL lets every login call these functions; a managed service may refuse one of them. What is
-- refused is null and compared as null. With the rights of the owner all logins see the same. All names have their schema, because
-- `set search_path` would cost a claim 60 µs. `pg_control_checkpoint()` is of no use: it has the old timeline until the first checkpoint
-- after a promotion.
create function database_now(out system_identifier bigint, out timeline text, out database_id oid) language plpgsql volatile
    security definer as $$
begin
    begin
        database_now.system_identifier := (pg_catalog.pg_control_system()).system_identifier;
    exception when insufficient_privilege or feature_not_supported or undefined_function then
        null;
    end;
    begin
        database_now.timeline := pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8);
    -- A standby writes no WAL, so it has no timeline of its own.
    exception when insufficient_privilege or feature_not_supported or undefined_function or object_not_in_prerequisite_state then
        null;
    end;
    database_now.database_id := (
        select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database());
end $$;

-- Whether this connection leads to the database that was confirmed. Claims call it, because a pooler may change the server behind a
-- connection that stays.
create function is_confirmed() returns boolean language plpgsql volatile as $$
declare
    server record := database_now();
begin
    return exists (
        select from installation i
        where (i.system_identifier, i.timeline, i.database_id, i.table_id)
            is not distinct from (server.system_identifier, server.timeline, server.database_id, i.tableoid));
end $$;

update installation i
set (system_identifier, timeline, database_id) = (select n.system_identifier, n.timeline, n.database_id from database_now() n),
    table_id = i.tableoid, confirmed_at = now(), confirmed_by = 'flowcast migrate';

alter table hold drop constraint hold_reason_check;
alter table hold add constraint hold_reason_check check (reason in (
    'low_balance', 'payment', 'bad_credentials', 'sender_not_allowed', 'misconfigured', 'daily_limit', 'provider_down',
    'daily_cap', 'policy_hold', 'too_many_refusals', 'template_fault', 'flow_fault', 'database_failed_over', 'operator'));

create or replace function reason_words(code text) returns text language sql immutable parallel safe
    return case code
        when 'worker_died' then 'the worker died between sending and recording; the provider may have accepted the message'
        when 'claim_lost' then 'the claim of the recipient is lost, for example because PostgreSQL failed over; the provider may have accepted the message'
        when 'backup_restored' then 'the database was restored from a backup; the message may have been sent after the backup'
        when 'resent' then 'the recipient is sent to again'
        when 'template_next' then 'the 24-hour window was closed when the flow arrived; the template is sent next'
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
        when 'link_not_web_address' then 'the address of the template''s picture, video or document is not a web address'
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
        when 'database_failed_over' then 'the database is not the one that was confirmed: it failed over or was restored'
        when 'operator' then 'an operator stopped the sender or the campaign'
    end;
