-- Recipients, attempts, receipts and answers of one campaign of $1 recipients that has ended, written into its volume as
-- fast as Postgres can, and counted at the end.
create function generate_campaign(recipients integer, began timestamptz default '2026-11-01 08:00Z') returns bigint language plpgsql as $$
declare
    id bigint;
begin
    insert into failure_code values ('kaleyra', '131026', 'the number cannot get the message') on conflict do nothing;
    insert into campaign (name, sender_id, definition, state, recipients, created_at, started_at, finished_at, price_list_id)
    select 'generated', s.id, '{"name": "generated", "sender": "main", "flow": {"body": "Hello", "cta": "Open", "flow_id": "1", "screen": "WELCOME"}}', 'finished', recipients, began, began,
        began + interval '3 hours', (select max(l.id) from price_list l where l.sender_id = s.id)
    from sender s order by s.id limit 1 returning campaign.id into id;
    insert into campaign_feed (campaign_id, cursor, published, low_water)
    values (id, recipients, recipients, recipients + 1);
    insert into import (campaign_id, source, uploaded, imported, duplicates, rejected)
    values (id, 'list.csv', recipients + 1000, recipients, 600, 400);
    perform create_volume(volume_of(id));
    execute format($f$
        insert into recipient_v%1$s (campaign_id, seq, msisdn, calling_code, claim_id, changed_at, attempts, state, reason_code,
            variables)
        select %2$s, seq, (array[254700000000, 255700000000, 919000000000, 4915100000000])[1 + seq %% 4] + (seq::bigint * 7919 + %2$s::bigint * 104729) %% 100000000,
            (array[254, 255, 91, 49])[1 + seq %% 4], seq / 100,
            %4$L::timestamptz + seq * interval '20 milliseconds', 1,
            case when seq %% 100 < 88 then 'accepted' when seq %% 100 < 95 then 'failed' when seq %% 100 < 97 then 'unknown'
                when seq %% 100 < 99 then 'skipped' else 'expired' end,
            case when seq %% 100 < 88 then null when seq %% 100 < 95 then 'E' || seq %% 7 when seq %% 100 < 97 then 'timeout'
                when seq %% 100 < 99 then 'opted_out' else 'deadline' end,
            '{"first_name": "Anna", "town": "Nakuru"}'
        from generate_series(1, %3$s) seq$f$, volume_of(id), id, recipients, began);
    execute format('insert into recipient_number_v%1$s select msisdn, campaign_id, seq from recipient_v%1$s where campaign_id = %2$s order by 1',
        volume_of(id), id);
    execute format($f$
        insert into attempt_v%1$s (campaign_id, claim_id, sent_at, recorded_at, seq, latency_us, http_status, outcome, late,
            reason_code, reason_text, provider_message_id)
        select campaign_id, claim_id, changed_at, changed_at, seq, 40000 + seq %% 9000, 202,
            case state when 'accepted' then 'accepted' when 'failed' then 'failed' else 'unknown' end, false, reason_code,
            case state when 'failed' then 'the number is not on WhatsApp' when 'unknown' then 'no answer in time' end,
            case state when 'accepted' then 'wamid.HBgM' || msisdn end
        from recipient_v%1$s where campaign_id = %2$s and state in ('accepted', 'failed', 'unknown')$f$, volume_of(id), id);
    execute format($f$
        insert into receipt_v%1$s (campaign_id, seq, calling_code, billable, sent_at, delivered_at, read_at, failed_at, code,
            follow_up)
        select campaign_id, seq, calling_code, seq %% 10 > 0, at, case when seq %% 25 > 0 then at + interval '2 seconds' end,
            case when seq %% 25 > 8 then at + seq %% 3600 * interval '1 second' end,
            case when seq %% 25 = 0 then at + interval '3 seconds' end, case when seq %% 25 = 0 then '131026' end,
            case when seq %% 25 = 0 then 'not_delivered' end
        from (select campaign_id, seq, calling_code, changed_at as at from recipient_v%1$s
            where campaign_id = %2$s and state = 'accepted') r$f$, volume_of(id), id);
    execute format($f$
        insert into flow_answer_v%1$s (campaign_id, seq, answered_at, asked_at, inbound_id, answer)
        select campaign_id, seq, sent_at + seq %% 7200 * interval '1 second', sent_at, 'in' || seq,
            jsonb_build_object('rating', seq %% 5 + 1, 'comment', 'fine')
        from receipt_v%1$s where campaign_id = %2$s and seq %% 25 in (9, 17)$f$, volume_of(id), id);
    execute format('insert into answered select campaign_id, seq from flow_answer_v%1$s where campaign_id = %2$s', volume_of(id), id);
    perform count_all(id);
    return id;
end $$;

-- Counts a campaign whole, as the triggers would have.
create function count_all(id bigint) returns void language sql as $$
    insert into counter_delta (campaign_id, kind, calling_code, n)
    select id, state, case when is_by_country(state) then calling_code end, count(*) from recipient where campaign_id = id
    group by 2, 3;
    insert into counter_delta (campaign_id, kind, calling_code, n)
    select id, 'recipient', calling_code, count(*) from recipient where campaign_id = id group by 3;
    insert into counter_delta (campaign_id, kind, minute, code, n, first_at, last_at, recorded_at)
    select id, 'attempt_' || outcome, minute_of(sent_at), reason_code, count(*), min(sent_at), max(sent_at), max(recorded_at)
    from attempt where campaign_id = id group by 2, 3, 4;
    insert into counter_delta (campaign_id, kind, minute, code, n)
    select id, e.kind, e.minute, e.code, count(*)
    from receipt r, receipt_events(r.delivered_at, r.read_at, r.failed_at, r.code) e where r.campaign_id = id group by 2, 3, 4;
    insert into counter_delta (campaign_id, kind, calling_code, n)
    select id, billing_kind(billable, delivered_at), calling_code, count(*) from receipt
    where campaign_id = id and billing_kind(billable, delivered_at) is not null group by 2, 3;
    insert into counter_delta (campaign_id, kind, minute, n)
    select id, 'answer', minute_of(answered_at), count(*) from flow_answer where campaign_id = id group by 3;
    insert into counter_delta (campaign_id, kind, n) select id, 'answered', count(*) from answered where campaign_id = id;
    select fold_counters();
$$;

-- Claims and records so many recipients of a campaign in batches, each a transaction, as workers do in the database. Says how
-- many a second.
create procedure send_to(id bigint, recipients integer, batch integer) language plpgsql as $$
declare
    at integer := 0;
    began timestamptz := clock_timestamp();
begin
    while at < recipients loop
        with due_now as (
            select seq from recipient where campaign_id = id and seq > at and seq <= at + batch and state = 'pending'
            order by seq for update
        )
        update recipient r set state = 'sending', claim_id = at, attempts = attempts + 1, changed_at = clock_timestamp()
        from due_now where r.campaign_id = id and r.seq = due_now.seq;
        commit;
        with recorded as (
            update recipient set state = 'accepted', changed_at = clock_timestamp()
            where campaign_id = id and seq > at and seq <= at + batch and claim_id = at and state = 'sending' returning seq
        )
        insert into attempt (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, provider_message_id)
        select id, at, clock_timestamp(), seq, 3000, 202, 'accepted', false, 'wamid.HBgMMjU0NzEyMDAwMDAwFQIAERgS' || seq
        from recorded;
        commit;
        at := at + batch;
    end loop;
    raise notice '%', round(recipients / extract(epoch from clock_timestamp() - began));
end $$;

-- A running campaign of so many recipients who wait.
create function waiting_campaign(recipients integer) returns bigint language plpgsql as $$
declare
    id bigint;
begin
    insert into campaign (name, sender_id, definition, state, recipients, started_at)
    select 'written', s.id, '{"template": {}}', 'running', recipients, now() from sender s limit 1 returning campaign.id into id;
    perform create_volume(volume_of(id));
    execute format($f$
        insert into recipient_v%1$s (campaign_id, seq, msisdn, calling_code, variables)
        select %2$s, seq, 254700000000 + seq, 254, '{"first_name": "Anna", "town": "Nakuru", "branch": "KE-0001"}'
        from generate_series(1, %3$s) seq$f$, volume_of(id), id, recipients);
    execute format('insert into recipient_number_v%1$s select msisdn, campaign_id, seq from recipient_v%1$s where campaign_id = %2$s order by 1',
        volume_of(id), id);
    insert into import (campaign_id, source, uploaded, imported, duplicates, rejected)
    values (id, 'list.csv', recipients, recipients, 0, 0);
    insert into counter_delta (campaign_id, kind, calling_code, n)
    values (id, 'pending', null, recipients), (id, 'recipient', 254, recipients);
    execute format('analyze recipient_v%s', volume_of(id));
    return id;
end $$;
