-- Changes that people and programs ask for: the audit, requests that are repeated, and the version of a draft.

-- One row per action: who did what to which object, and with which result. A change and its row are committed together. No
-- phone numbers, no variables and no message contents.
create table audit (
    -- Without gaps; set by the trigger.
    id bigint primary key,
    at timestamptz not null,
    actor_kind text not null check (actor_kind in ('command', 'account', 'api_key', 'rule')),
    actor text not null,
    action text not null,
    object_kind text not null,
    object text,
    outcome text not null check (outcome in ('done', 'refused', 'failed')),
    details jsonb not null default '{}',
    address inet,
    user_agent text,
    request_id uuid,
    -- SHA-256 of the hash of the previous row and this row; set by the trigger.
    hash bytea not null
);
create index audit_by_object on audit (object_kind, object, id);
create index audit_by_actor on audit (actor, id);

-- The bytes of a row that its hash covers. The time is in UTC, whatever the session is set to.
create function audit_text(a audit) returns text language sql immutable
    return jsonb_build_array(a.id, extract(epoch from a.at), a.actor_kind, a.actor, a.action, a.object_kind, a.object, a.outcome,
        a.details, host(a.address), a.user_agent, a.request_id)::text;

create function audit_hash(previous bytea, a audit) returns bytea language sql immutable
    return sha256(previous || convert_to(audit_text(a), 'UTF8'));

-- Rows are numbered and chained in the order of their insertion: an advisory lock is held until the transaction ends.
create function append_audit() returns trigger language plpgsql as $$
declare
    previous record;
begin
    perform pg_advisory_xact_lock(hashtextextended('flowcast audit', 0));
    select id, hash into previous from audit order by id desc limit 1;
    new.id := coalesce(previous.id, 0) + 1;
    new.at := clock_timestamp();
    new.hash := audit_hash(coalesce(previous.hash, ''), new);
    return new;
end $$;
create trigger append before insert on audit for each row execute function append_audit();

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of audit are never changed or deleted' using errcode = 'insufficient_privilege';
end $$;
create trigger refuse_change before update or delete or truncate on audit for each statement
    execute function refuse_audit_change();

-- The first row whose hash does not follow from the row before; null if the chain is whole. Rows that were removed at the end
-- are not found: keep the number and the hash of the last row elsewhere to find them.
create function first_broken_audit_row() returns bigint language sql stable as $$
    select min(id) from (
        select a.id, a.hash = audit_hash(coalesce(lag(a.hash) over (order by a.id), ''), a)
            and a.id = coalesce(lag(a.id) over (order by a.id), 0) + 1 as is_whole
        from audit a) checked
    where not is_whole
$$;

create view report.audit as
    select id as audit_id, at, actor_kind, actor, action, object_kind, object, outcome, details,
        case when (select report.sees_numbers()) then address end as address, user_agent, request_id
    from audit;
comment on view report.audit is 'one row per action of a person or program, also for refused actions';
comment on column report.audit.audit_id is 'number of the row, without gaps';
comment on column report.audit.at is 'time of the action';
comment on column report.audit.actor_kind is
    'command: a command of flowcast; account: a person who is logged in; api_key: a program; rule: a setting of this installation';
comment on column report.audit.actor is 'user of the command, name of the account, or id of the API key';
comment on column report.audit.action is 'what was done, such as campaign.start';
comment on column report.audit.object_kind is 'kind of the object, such as campaign';
comment on column report.audit.object is 'id or name of the object';
comment on column report.audit.outcome is 'done; refused: nothing was changed; failed: it may have been done in part';
comment on column report.audit.details is 'the change, without personal data';
comment on column report.audit.address is
    'network address of the request; empty for commands, and for readers who are not members of flowcast_report_numbers';
comment on column report.audit.user_agent is 'program of the request, as it names itself';
comment on column report.audit.request_id is 'id of the request, as in the log of the server';

-- Results of requests with an Idempotency-Key: the same request again gets the same result and changes nothing
-- (draft-ietf-httpapi-idempotency-key-header-07). Written by the transaction of the change, removed after 24 hours.
create table idempotency (
    actor text not null,
    key text not null check (length(key) between 1 and 255),
    -- SHA-256 of method, path and body.
    fingerprint bytea not null,
    result jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (actor, key)
);
create index idempotency_by_age on idempotency (created_at);

-- Drafts can be edited. The version counts the edits, so that an edit of an older version is refused.
alter table campaign
    add column version integer not null default 1,
    add column created_by text,
    add column updated_at timestamptz;

-- The person or program that ordered a resolution; null for rules and receipts.
alter table resolution add column actor text;
create or replace view report.resolution as
select s.campaign_id, s.seq, s.from_state, s.to_state, s.resolved_by, s.reason,
    shown_id(s.provider_message_id, (select report.sees_numbers()), (select report_key from installation)) as provider_message_id,
    s.resolved_at, s.actor
from resolution s;
comment on column report.resolution.actor is 'the person or program that ordered the resolution; empty for rules and receipts';
