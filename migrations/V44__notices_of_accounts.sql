-- contract: earlier builds store notices by the old key.
--
-- Notices about the account and the number, and the language of templates. The table has few rows, so the new key takes no time.
alter table provider_notice
    drop constraint provider_notice_about_check,
    add constraint provider_notice_about_check check (about in ('template', 'flow', 'account')),
    -- The language of a template; empty if the provider does not name it.
    add column language text not null default '',
    drop constraint provider_notice_pkey,
    add primary key (sender_id, about, name, language, status, noticed_at);
comment on column provider_notice.name is 'name of the template, id of the flow, kind of the event of the account';
update installation set schema_compatible_from = 44;
