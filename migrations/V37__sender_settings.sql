-- Settings of a sender that were fixed in the program: Kaleyra's number in the path with or without a plus, Meta's version of the Graph API.
alter table sender
    add column plus_in_path boolean not null default true,
    add column api_version text check (api_version ~ '^v[1-9][0-9]{0,2}[.][0-9]{1,2}$');
comment on column sender.api_version is 'version of the Graph API (Meta); null: the version that the program was built for';
