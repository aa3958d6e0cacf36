-- What the views and their columns mean, and who may read them.

comment on view report.campaign is 'one row a campaign: where everybody on its lists stands, and what came back';
comment on column report.campaign.campaign_id is 'the campaign';
comment on column report.campaign.name is 'its name, as in the campaign file';
comment on column report.campaign.sender is 'the sender it goes through';
comment on column report.campaign.provider is 'the provider of the sender';
comment on column report.campaign.state is 'draft, running, paused, finished or cancelled';
comment on column report.campaign.created_at is 'when it was created';
comment on column report.campaign.started_at is 'when it was started first';
comment on column report.campaign.finished_at is 'when it ended, the last time';
comment on column report.campaign.uploaded is 'rows of all imported lists';
comment on column report.campaign.rejected is 'rows that were refused at the import';
comment on column report.campaign.duplicates is 'rows whose number was there before';
comment on column report.campaign.suppressed is 'rows not imported because the number is on the suppression list';
comment on column report.campaign.excluded is 'rows not imported because the number is in an excluded campaign';
comment on column report.campaign.recipients is 'rows that became recipients';
comment on column report.campaign.pending is 'recipients not sent to yet';
comment on column report.campaign.sending is 'recipients being sent to now';
comment on column report.campaign.retry is 'recipients to be sent to again';
comment on column report.campaign.accepted is 'recipients whose message the provider took';
comment on column report.campaign.failed is 'recipients refused for good, or given up';
comment on column report.campaign.unknown is 'recipients whose message the provider may or may not have taken';
comment on column report.campaign.skipped is 'recipients who must not be written to';
comment on column report.campaign.expired is 'recipients not sent to before the deadline';
comment on column report.campaign.cancelled is 'recipients not sent to because the campaign was cancelled';
comment on column report.campaign.attempts is 'requests sent to the provider, those not counted against anybody included';
comment on column report.campaign.first_sent_at is 'when the first request left';
comment on column report.campaign.last_sent_at is 'when the last request left';
comment on column report.campaign.last_recorded_at is 'when the last outcome was recorded';
comment on column report.campaign.requests_per_second is 'attempts over the time from the first request to the last recording';
comment on column report.campaign.delivered is 'recipients whose phone has the message, as reported';
comment on column report.campaign.read is 'recipients who read it, as reported';
comment on column report.campaign.undelivered is 'recipients of whom a failure was reported after the provider took the message, and no delivery';
comment on column report.campaign.answers is 'completed flows';
comment on column report.campaign.answered is 'recipients who completed the flow at least once';
comment on column report.campaign.erased_at is 'when the personal data of its recipients was erased';
comment on column report.campaign.billable is 'recipients whose message was delivered, and of whom a receipt says that it is billed';
comment on column report.campaign.not_billable is 'recipients of whom a receipt says that the message is not billed';
comment on column report.campaign.currency is 'of the costs: that of the sender''s price list when the campaign was started first';
comment on column report.campaign.cost_estimated is 'accepted times price, by country; null where a price is missing';
comment on column report.campaign.cost_billed is
    'billable times price, by country; null while no receipt says anything of billing, and where a price is missing';
comment on column report.campaign.unpriced is 'accepted recipients of countries that have no price';
comment on column report.campaign.archived_at is 'when its recipients were dropped; the counts are kept';

comment on view report.conservation is 'one row a campaign: nobody who was uploaded is lost';
comment on column report.conservation.campaign_id is 'the campaign';
comment on column report.conservation.uploaded is 'rows of all imported lists';
comment on column report.conservation.rejected is 'rows that were refused at the import';
comment on column report.conservation.duplicates is 'rows whose number was there before';
comment on column report.conservation.suppressed is 'rows not imported because the number is on the suppression list';
comment on column report.conservation.excluded is 'rows not imported because the number is in an excluded campaign';
comment on column report.conservation.pending is 'recipients not sent to yet';
comment on column report.conservation.sending is 'recipients being sent to now';
comment on column report.conservation.retry is 'recipients to be sent to again';
comment on column report.conservation.accepted is 'recipients whose message the provider took';
comment on column report.conservation.failed is 'recipients refused for good, or given up';
comment on column report.conservation.unknown is 'recipients whose message the provider may or may not have taken';
comment on column report.conservation.skipped is 'recipients who must not be written to';
comment on column report.conservation.expired is 'recipients not sent to before the deadline';
comment on column report.conservation.cancelled is 'recipients not sent to because the campaign was cancelled';
comment on column report.conservation.difference is 'always 0, at every moment';

comment on view report.funnel is 'one row a campaign: from the list to the answer';
comment on column report.funnel.campaign_id is 'the campaign';
comment on column report.funnel.name is 'its name, as in the campaign file';
comment on column report.funnel.uploaded is 'rows of all imported lists';
comment on column report.funnel.recipients is 'rows that became recipients';
comment on column report.funnel.accepted is 'recipients whose message the provider took';
comment on column report.funnel.delivered is 'recipients whose phone has the message, as reported';
comment on column report.funnel.read is 'recipients who read it, as reported';
comment on column report.funnel.answered is 'recipients who completed the flow at least once';
comment on column report.funnel.accepted_pct is 'accepted of recipients, in per cent';
comment on column report.funnel.delivered_pct is 'delivered of accepted, in per cent';
comment on column report.funnel.read_pct is 'read of delivered, in per cent';
comment on column report.funnel.answered_pct is 'answered of delivered, in per cent';

comment on view report.sender is 'one row a sender: whether it is open, how fast it may send, and what its campaigns did';
comment on column report.sender.sender is 'its name';
comment on column report.sender.provider is 'its provider';
comment on column report.sender.is_open is 'whether it sends';
comment on column report.sender.stopped_for is 'why not, if it is stopped';
comment on column report.sender.stopped_since is 'since when';
comment on column report.sender.requests_per_second_allowed is 'its rate; null is without a limit';
comment on column report.sender.daily_cap is 'most recipients of a day';
comment on column report.sender.day_used is 'recipients of today';
comment on column report.sender.campaigns is 'its campaigns';
comment on column report.sender.running is 'those running';
comment on column report.sender.waiting is 'recipients who wait in running and paused campaigns';
comment on column report.sender.sending is 'recipients being sent to now';
comment on column report.sender.accepted is 'recipients whose message was taken, of all campaigns';
comment on column report.sender.failed is 'recipients refused for good, of all campaigns';
comment on column report.sender.unknown is 'recipients of whom nobody knows, of all campaigns';
comment on column report.sender.attempts is 'requests, of all campaigns';
comment on column report.sender.delivered is 'recipients whose phone has the message, of all campaigns';
comment on column report.sender.last_sent_at is 'when its last request left';

comment on view report.country is 'one row a campaign and country calling code: how its recipients stand';
comment on column report.country.campaign_id is 'the campaign';
comment on column report.country.calling_code is 'the country calling code; some countries share one';
comment on column report.country.recipients is 'rows of its lists that were imported';
comment on column report.country.accepted is 'of them, taken by the provider';
comment on column report.country.failed is 'refused for good';
comment on column report.country.unknown is 'without a clear answer';
comment on column report.country.skipped is 'left out when their turn came';
comment on column report.country.expired is 'whose deadline passed';
comment on column report.country.cancelled is 'who waited when the campaign was cancelled';
comment on column report.country.waiting is 'the others: they wait, are being sent to, or are to be sent to again';
comment on column report.country.billable is 'recipients whose message was delivered, and of whom a receipt says that it is billed';
comment on column report.country.not_billable is 'recipients of whom a receipt says that the message is not billed';
comment on column report.country.currency is 'of the prices';
comment on column report.country.price is 'of one message, by the sender''s price list when the campaign was started first; null is not known';
comment on column report.country.cost_estimated is 'accepted times price';
comment on column report.country.cost_billed is 'billable times price; null while no receipt says anything of billing';

comment on view report.timeline is 'one row a campaign and minute in which something happened';
comment on column report.timeline.campaign_id is 'the campaign';
comment on column report.timeline.minute is 'the minute, from its beginning';
comment on column report.timeline.sent is 'requests that left in it';
comment on column report.timeline.accepted is 'of them, taken by the provider';
comment on column report.timeline.failed is 'of them, refused for good';
comment on column report.timeline.retry is 'of them, refused for now';
comment on column report.timeline.throttled is 'of them, refused because too fast';
comment on column report.timeline.unknown is 'of them, without a clear answer';
comment on column report.timeline.held is 'of them, refused because the sender or the campaign was stopped';
comment on column report.timeline.delivered is 'recipients whose phone got the message in it';
comment on column report.timeline.read is 'recipients who read it in it';
comment on column report.timeline.undelivered is 'recipients whose failure was reported for it';
comment on column report.timeline.answers is 'flows completed in it';

comment on view report.timeline_by_hour is 'the same by hour';
comment on column report.timeline_by_hour.campaign_id is 'the campaign';
comment on column report.timeline_by_hour.hour is 'the hour, from its beginning';
comment on column report.timeline_by_hour.sent is 'requests that left in it';
comment on column report.timeline_by_hour.accepted is 'of them, taken by the provider';
comment on column report.timeline_by_hour.failed is 'of them, refused for good';
comment on column report.timeline_by_hour.retry is 'of them, refused for now';
comment on column report.timeline_by_hour.throttled is 'of them, refused because too fast';
comment on column report.timeline_by_hour.unknown is 'of them, without a clear answer';
comment on column report.timeline_by_hour.held is 'of them, refused because the sender or the campaign was stopped';
comment on column report.timeline_by_hour.delivered is 'recipients whose phone got the message in it';
comment on column report.timeline_by_hour.read is 'recipients who read it in it';
comment on column report.timeline_by_hour.undelivered is 'recipients whose failure was reported for it';
comment on column report.timeline_by_hour.answers is 'flows completed in it';

comment on view report.error is 'what went wrong, by campaign, class and code';
comment on column report.error.campaign_id is 'the campaign';
comment on column report.error.stage is 'request: the provider refused it; receipt: it was reported later';
comment on column report.error.class is 'the outcome of the requests (retry, throttled, failed, unknown, held), or undelivered';
comment on column report.error.code is 'the provider''s code, or ours';
comment on column report.error.reason is 'what the code means, in the words of the error map';
comment on column report.error.attempts is 'requests that were answered so; null for receipts';
comment on column report.error.recipients is 'recipients it happened to';
comment on column report.error.first_at is 'when it happened first; receipts to the minute';
comment on column report.error.last_at is 'when it happened last; receipts to the minute';

comment on view report.recipient is 'one row a recipient: how it ended, why, and when';
comment on column report.recipient.campaign_id is 'the campaign';
comment on column report.recipient.seq is 'the place in the campaign''s list, from 1';
comment on column report.recipient.number is 'the number; masked but for members of flowcast_report_numbers';
comment on column report.recipient.calling_code is 'the country calling code of the number';
comment on column report.recipient.state is 'pending, sending, retry, accepted, failed, unknown, skipped, expired or cancelled';
comment on column report.recipient.reason_code is 'why it is in this state';
comment on column report.recipient.reason is 'the same in words';
comment on column report.recipient.attempts is 'requests that counted';
comment on column report.recipient.changed_at is 'when the state changed last';
comment on column report.recipient.first_sent_at is 'when the first request left';
comment on column report.recipient.last_sent_at is 'when the last request left';
comment on column report.recipient.provider_message_id is 'the provider''s id of the message';
comment on column report.recipient.delivered_at is 'when it reached the phone';
comment on column report.recipient.read_at is 'when it was read';
comment on column report.recipient.undelivered_at is 'when it was reported as not delivered, unless it was delivered after all';
comment on column report.recipient.undelivered_code is 'the provider''s code of that';
comment on column report.recipient.undelivered_reason is 'the same in the words of the error map';
comment on column report.recipient.answered_at is 'when the flow was completed first';

comment on view report.attempt is 'one row a request to the provider';
comment on column report.attempt.campaign_id is 'the campaign';
comment on column report.attempt.seq is 'the recipient';
comment on column report.attempt.claim_id is 'the claim it belongs to; later ones are greater';
comment on column report.attempt.sent_at is 'when it left';
comment on column report.attempt.recorded_at is 'when its outcome was recorded';
comment on column report.attempt.latency_ms is 'milliseconds from leaving to the end of the answer';
comment on column report.attempt.http_status is 'the status of the answer, if there was one';
comment on column report.attempt.outcome is 'accepted, retry, throttled, failed, unknown or held';
comment on column report.attempt.late is 'the recipient had been settled before it was recorded, and stayed so';
comment on column report.attempt.code is 'the provider''s code, or ours';
comment on column report.attempt.reason is 'what the code means';
comment on column report.attempt.provider_message_id is 'the provider''s id of the message';

comment on view report.flow_answer is 'one row a completed flow';
comment on column report.flow_answer.campaign_id is 'the campaign';
comment on column report.flow_answer.seq is 'the recipient';
comment on column report.flow_answer.answered_at is 'when it was completed';
comment on column report.flow_answer.asked_at is 'when the message had left';
comment on column report.flow_answer.time_to_answer is 'from the one to the other';
comment on column report.flow_answer.inbound_id is 'the provider''s id of the answer';
comment on column report.flow_answer.answer is 'what was filled in';

comment on view report.import is 'one row an imported list, and what became of its rows';
comment on column report.import.import_id is 'the import';
comment on column report.import.campaign_id is 'the campaign';
comment on column report.import.source is 'the name of the file';
comment on column report.import.form is 'what the list was written in, as it was found out';
comment on column report.import.uploaded is 'rows of the list';
comment on column report.import.imported is 'rows that became recipients';
comment on column report.import.duplicates is 'rows whose number was there before';
comment on column report.import.suppressed is 'rows whose number is on the suppression list';
comment on column report.import.excluded is 'rows whose number is in an excluded campaign';
comment on column report.import.rejected is 'rows that were refused';
comment on column report.import.imported_at is 'when';

comment on view report.import_rejection is 'one row a refused row of a list, and why';
comment on column report.import_rejection.import_id is 'the import';
comment on column report.import_rejection.campaign_id is 'the campaign';
comment on column report.import_rejection.source is 'the name of the file';
comment on column report.import_rejection.line is 'the line of the file';
comment on column report.import_rejection.reason is 'why, as a word';
comment on column report.import_rejection.column_name is 'the column that the reason is about, when it is not the number''s';
comment on column report.import_rejection.cell is 'what stands in the number column, shortened, for readers who see numbers';

comment on view report.settlement is 'what was decided about recipients who were unknown: one row a decision';
comment on column report.settlement.campaign_id is 'the campaign';
comment on column report.settlement.seq is 'the recipient';
comment on column report.settlement.from_state is 'what it was';
comment on column report.settlement.to_state is 'what it became';
comment on column report.settlement.settled_by is 'operator, rule (of the campaign) or receipt (of the provider)';
comment on column report.settlement.reason is 'why';
comment on column report.settlement.provider_message_id is 'told by the receipt';
comment on column report.settlement.settled_at is 'when';

comment on view report.hold is 'every stop of a sender or a campaign, with its reason';
comment on column report.hold.hold_id is 'the stop';
comment on column report.hold.sender is 'the sender';
comment on column report.hold.campaign_id is 'the campaign; without one it stopped the whole sender';
comment on column report.hold.reason is 'why, as a word';
comment on column report.hold.code is 'the provider''s code that caused it';
comment on column report.hold.detail is 'what the code means';
comment on column report.hold.since is 'when it began';
comment on column report.hold.caused_by is 'the worker or the operator who stopped';
comment on column report.hold.until is 'when it ends by itself, if that is known';
comment on column report.hold.probes is 'how often one message was tried since';
comment on column report.hold.probe_at is 'when one is tried next';
comment on column report.hold.ended_at is 'when it ended';
comment on column report.hold.ended_by is 'who ended it';
comment on column report.hold.length is 'how long it lasted, or lasts';

comment on view report.waiting is 'who waits and why: one row a campaign and reason, and one for a stopped sender without campaigns';
comment on column report.waiting.sender is 'the sender';
comment on column report.waiting.campaign_id is 'the campaign';
comment on column report.waiting.reason is 'why, as a word: of several the one that has to end first';
comment on column report.waiting.detail is 'the same in words';
comment on column report.waiting.since is 'since when';
comment on column report.waiting.until is 'when it ends or is tried again, as far as that is known';
comment on column report.waiting.caused_by is 'who stopped it, if somebody did';
comment on column report.waiting.recipients is 'how many wait for it';

comment on view report.dead_letter is 'messages that were of no use to a worker, with the reason';
comment on column report.dead_letter.dead_letter_id is 'the message';
comment on column report.dead_letter.queue is 'where it died';
comment on column report.dead_letter.reason is 'why, in RabbitMQ''s words';
comment on column report.dead_letter.body is 'the task, if it is one; of anything else only length and hash are kept';
comment on column report.dead_letter.campaign_id is 'of a task, the campaign';
comment on column report.dead_letter.seq is 'of a task, the recipient';
comment on column report.dead_letter.body_bytes is 'its length';
comment on column report.dead_letter.body_sha256 is 'its hash';
comment on column report.dead_letter.deaths is 'how often it died';
comment on column report.dead_letter.first_died_at is 'when it died first';
comment on column report.dead_letter.last_died_at is 'when it died last';
comment on column report.dead_letter.drained_at is 'when it was put here';
comment on column report.dead_letter.redriven_at is 'when somebody asked for its recipient to be looked at again';
-- Two roles without a login, to be granted to the logins of people: flowcast_report reads the views, flowcast_report_numbers
-- besides sees whole numbers. Roles belong to the whole server, so they may be there already; whoever migrates may not be
-- allowed to make them. Then nothing is done here, and docs/REPORTS.md has the statements for an administrator.
create function report.create_readers() returns text language plpgsql as $$
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
    return 'flowcast_report and flowcast_report_numbers may read the views';
end $$;
revoke execute on function report.create_readers() from public;
select report.create_readers();

-- Makes a view of the answers of one campaign with a column a field: report.flow_answer_7 for campaign 7. The fields are those
-- given, or all that are in its answers; one whose values are all numbers is a number, all others are texts.
create function report.make_answer_view(campaign bigint, fields text[] default null) returns text language plpgsql as $$
declare
    columns text;
begin
    if fields is null then
        select array_agg(distinct k order by k) into fields
        from flow_answer f, jsonb_object_keys(case jsonb_typeof(f.answer) when 'object' then f.answer else '{}' end) k
        where f.campaign_id = campaign;
    end if;
    select string_agg(format(
            case when is_number then ', (case jsonb_typeof(answer -> %1$L) when ''number'' then answer ->> %1$L end)::numeric as %2$I'
                else ', answer ->> %1$L as %2$I' end, field, 'answer_' || left(field, 50)), '' order by place)
    into columns
    from unnest(fields) with ordinality as given (field, place), lateral (
        select coalesce(bool_and(jsonb_typeof(f.answer -> given.field) in ('number', 'null')), false) as is_number
        from flow_answer f where f.campaign_id = campaign and f.answer ? given.field
    ) of_type;
    execute format('drop view if exists report.flow_answer_%s', campaign);
    execute format('create view report.flow_answer_%1$s as select seq, answered_at, asked_at, time_to_answer%2$s
        from report.flow_answer where campaign_id = %1$s', campaign, coalesce(columns, ''));
    return 'report.flow_answer_' || campaign;
end $$;
revoke execute on function report.make_answer_view(bigint, text[]) from public;
