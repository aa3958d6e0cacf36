-- Requests to start large campaigns, which another person has to grant by starting the campaign.
create table start_request (
    campaign_id bigint primary key references campaign on delete cascade,
    -- The version and the recipients of the campaign that the request is about. A later edit or import makes it void.
    fingerprint text not null,
    -- The actor, as in the audit.
    requested_by text not null,
    -- The person behind the actor: an account for itself and its API keys.
    person text not null,
    requested_at timestamptz not null default now()
);
