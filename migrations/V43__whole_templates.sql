-- expand: earlier builds leave the new column empty.
--
-- Templates with pictures, named variables and several buttons. The new column is null for the templates that people entered before; what is
-- null is not compared with campaigns. Adding a nullable column locks the table for a moment and rewrites nothing.

alter table template
    -- What the header is: Meta's word in lower case.
    add column header_format text check (header_format ~ '^[a-z_]{1,30}$');
comment on column template.buttons is
    'Text, kind and web address of each button, and the flow that it opens: [{"text", "kind", "url", "flow_id"}]';

create or replace function reason_words(code text) returns text language sql immutable parallel safe
    return case code
        when 'worker_died' then 'the worker died between sending and recording; the provider may have accepted the message'
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
        when 'operator' then 'an operator stopped the sender or the campaign'
    end;
