-- Who must not be written to: asked at the import of a list and again at every claim.
create table suppression (
    id bigint generated always as identity primary key,
    msisdn bigint not null,
    -- The sender that must not; null means none may.
    sender_id bigint references sender on delete cascade,
    reason text not null check (reason in ('opted_out', 'stopped_by_user', 'operator')),
    added_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (msisdn, sender_id)
);
comment on column suppression.msisdn is 'E.164 digits as a number, as in recipient';
comment on column suppression.reason is
    'opted_out: the person wrote an opt-out word; stopped_by_user: the provider said so; operator: somebody of ours decided';
