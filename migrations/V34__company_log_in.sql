-- Log-ins with the account of a company (OpenID Connect). Issuer and subject identify the person for ever; names and email addresses
-- may change.
alter table account
    add column company_issuer text,
    add column company_subject text,
    add check (num_nulls(company_issuer, company_subject) in (0, 2));
create unique index account_by_company on account (company_issuer, company_subject);
