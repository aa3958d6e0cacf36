-- What of a list is not its rows.
alter table import
    -- Rows of a sheet that were not read because they are hidden; they are not counted as uploaded.
    add column hidden integer not null default 0;

create or replace view report.import as
select i.id as import_id, i.campaign_id, i.source, i.form, i.uploaded, i.imported, i.duplicates, i.suppressed, i.excluded,
    i.rejected, i.imported_at, i.hidden
from import i;
comment on column report.import.hidden is 'rows of the sheet that were not read because they are hidden';
