//! Imports a list: recipients by COPY, counts and rejected rows, all in one transaction.
//!
//! A list is inserted into the tables of the volume of its campaign: first into `recipient`, in the order of the list, then into
//! `recipient_number`, sorted by number. Inserting numbers into the index in the order of the list would take three times as
//! long (docs/adr/0013).

use std::collections::BTreeMap;
use std::pin::pin;

use campaign::{CallingCode, CampaignId, CampaignState, Msisdn, SenderId, Variables};
use futures::TryStreamExt;
use jiff::Timestamp;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{Json, ToSql, Type};
use tokio_postgres::{Client, CopyInSink};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::Volume;
use crate::lists::import_record::ImportRecord;
use crate::lists::import_rows::{ImportCounts, ImportRow, LeftOut, ListOrigin, Numbers, Rejection};

/// A list that is being imported. Nothing is kept if it is dropped without [`Import::finish`].
pub struct Import {
    client: Client,
    campaign: CampaignId,
    sender: SenderId,
    /// The `seq` of the first recipient of this list.
    first_seq: i32,
    next_seq: i32,
    imported: i32,
    /// Recipients by calling code.
    by_country: BTreeMap<CallingCode, i64>,
}

impl Store {
    /// The lists of a campaign, in the order in which they were imported.
    pub async fn lists(&self, campaign: CampaignId) -> Result<Vec<ImportRow>, Error> {
        let select =
            "select source, form, number_column, columns from import where campaign_id = $1 order by id";
        let rows = self.client().await?.query(select, &[&campaign.0]).await?;
        let list = |row: &tokio_postgres::Row| ImportRow {
            source: row.get(0),
            form: row.get(1),
            number_column: row.get(2),
            columns: row.get(3),
        };
        Ok(rows.iter().map(list).collect())
    }
}

/// With fewer recipients in a campaign, ANALYZE takes longer than it saves.
const WORTH_ANALYZING: i64 = 1_000;

impl Store {
    /// Begins to import a list into a draft. Two imports into one campaign wait for each other.
    pub async fn begin_import(&self, campaign: CampaignId) -> Result<Import, Error> {
        let client = self.own_client().await?;
        client.batch_execute("begin").await?;
        let select = "select state, recipients, sender_id from campaign where id = $1 for update";
        let row =
            client.query_opt(select, &[&campaign.0]).await?.ok_or_else(|| Error::no_campaign(campaign))?;
        let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
        if state != CampaignState::Draft {
            return Err(Error::Conflict(format!(
                "campaign {campaign} is {state}; lists can be imported into a draft only"
            )));
        }
        let (imported, sender): (i32, i64) = (row.get(1), row.get(2));
        let sender = SenderId(sender);
        Ok(Import {
            client,
            campaign,
            sender,
            first_seq: imported + 1,
            next_seq: imported + 1,
            imported: 0,
            by_country: BTreeMap::new(),
        })
    }
}

impl Import {
    /// Fails if the campaign has this file already.
    pub async fn refuse_again(&self, origin: &ListOrigin) -> Result<(), Error> {
        let select = "
            select source, imported_at, imported from import
            where campaign_id = $1 and sha256 = $2 order by id desc limit 1";
        let Some(row) = self.client.query_opt(select, &[&self.campaign.0, &origin.sha256.as_slice()]).await?
        else {
            return Ok(());
        };
        let (source, at, imported): (String, Timestamp, i32) = (row.get(0), row.get(1), row.get(2));
        let at = at.strftime("%Y-%m-%d %H:%M UTC");
        Err(Error::Known(format!(
            "campaign {} has this very file already: '{source}', of which {imported} were imported at {at}",
            self.campaign
        )))
    }

    /// Calls `each` with each of these numbers.
    pub async fn each_number(&self, which: Numbers, mut each: impl FnMut(Msisdn)) -> Result<(), Error> {
        let (select, parameter) = match which {
            Numbers::OfCampaign(campaign) => {
                let select = "select id from campaign where id = $1";
                self.client
                    .query_opt(select, &[&campaign.0])
                    .await?
                    .ok_or_else(|| Error::no_campaign(campaign))?;
                ("select msisdn from recipient where campaign_id = $1", campaign.0)
            }
            Numbers::Suppressed => {
                ("select msisdn from suppression where sender_id = $1 or sender_id is null", self.sender.0)
            }
        };
        let mut rows = pin!(self.client.query_raw(select, [&parameter]).await?);
        while let Some(row) = rows.try_next().await? {
            if let Some(msisdn) = u64::try_from(row.get::<_, i64>(0)).ok().and_then(Msisdn::from_digits) {
                each(msisdn);
            }
        }
        Ok(())
    }

    /// Stores recipients from `batches` until the channel ends. The numbers must be distinct, also from those of earlier lists.
    pub async fn copy(
        &mut self,
        mut batches: tokio::sync::mpsc::Receiver<Vec<(Msisdn, Variables)>>,
    ) -> Result<(), Error> {
        let table = Volume::of(self.campaign).table("recipient");
        let copy =
            format!("copy {table} (campaign_id, msisdn, calling_code, seq, variables) from stdin binary");
        let sink: CopyInSink<bytes::Bytes> = self.client.copy_in(&copy).await?;
        let types = [Type::INT8, Type::INT8, Type::INT2, Type::INT4, Type::JSONB];
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        while let Some(batch) = batches.recv().await {
            for (msisdn, variables) in batch {
                let digits = i64::try_from(msisdn.digits()).map_err(Error::unreadable)?;
                let country = msisdn.calling_code();
                let row: [&(dyn ToSql + Sync); 5] =
                    [&self.campaign.0, &digits, &country.0, &self.next_seq, &Json(&variables)];
                writer.as_mut().write(&row).await?;
                *self.by_country.entry(country).or_default() += 1;
                self.imported += 1;
                self.next_seq = self.next_seq.checked_add(1).ok_or_else(|| {
                    Error::Invalid("a campaign holds at most 2,147,483,646 recipients; split the list".into())
                })?;
            }
        }
        writer.finish().await?;
        Ok(())
    }

    /// Commits the list: recipients, counts and rejected rows become visible together.
    pub async fn finish(
        self,
        origin: &ListOrigin,
        left_out: LeftOut,
        rejections: impl Iterator<Item = Vec<Rejection>>,
        record: Option<&ImportRecord>,
    ) -> Result<ImportCounts, Error> {
        let LeftOut { duplicates, suppressed, excluded, rejected } = left_out;
        let uploaded = self.imported + duplicates + suppressed + excluded + rejected;
        let insert = "
            insert into import (campaign_id, source, form, sha256, uploaded, imported, duplicates, suppressed, excluded,
                rejected, hidden, number_column, columns)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id";
        let sha256 = origin.sha256.as_slice();
        let values: [&(dyn ToSql + Sync); 13] = [
            &self.campaign.0,
            &origin.source,
            &origin.form,
            &sha256,
            &uploaded,
            &self.imported,
            &duplicates,
            &suppressed,
            &excluded,
            &rejected,
            &origin.hidden,
            &origin.number_column,
            &origin.columns,
        ];
        let import: i64 = self.client.query_one(insert, &values).await?.get(0);
        for batch in rejections {
            self.keep_rejections(import, &batch).await?;
        }
        self.keep_numbers().await?;
        self.count().await?;
        let update = "update campaign set recipients = $2 where id = $1";
        self.client.execute(update, &[&self.campaign.0, &(self.next_seq - 1)]).await?;
        let counts = ImportCounts { uploaded, imported: self.imported, left_out };
        if let Some(record) = record {
            record.write(&self.client, self.campaign.0, &counts, (import, origin)).await?;
        }
        self.client.batch_execute("commit").await?;
        self.analyze().await?;
        Ok(counts)
    }

    /// Inserts the numbers in order, so that each page of the index is written once. The unique index refuses the list if a
    /// number is already in the campaign; the import has removed such rows before.
    async fn keep_numbers(&self) -> Result<(), Error> {
        let volume = Volume::of(self.campaign);
        let insert = format!(
            "insert into {} (msisdn, campaign_id, seq) select msisdn, campaign_id, seq from {}
             where campaign_id = $1 and seq >= $2 order by msisdn",
            volume.table("recipient_number"),
            volume.table("recipient")
        );
        self.client.execute(&insert, &[&self.campaign.0, &self.first_seq]).await?;
        Ok(())
    }

    /// Updates the statistics of the planner if they contain too little about this campaign. Without them the planner may expect
    /// one row, and then reads all rows of the campaign in each claim and record.
    async fn analyze(&self) -> Result<(), Error> {
        let recipients = Volume::of(self.campaign).table("recipient");
        let explain = format!(
            "explain (format json) select from {recipients} where campaign_id = {}::bigint",
            self.campaign.0
        );
        let plan: Json<serde_json::Value> = self.client.query_one(&explain, &[]).await?.get(0);
        let expected = plan.0[0]["Plan"]["Plan Rows"].as_i64().unwrap_or(0);
        let rows = i64::from(self.next_seq) - 1;
        if rows >= WORTH_ANALYZING && expected < rows / 10 {
            let numbers = Volume::of(self.campaign).table("recipient_number");
            self.client.batch_execute(&format!("analyze {recipients}, {numbers}")).await?;
        }
        Ok(())
    }

    /// COPY into the table of a volume does not fire the triggers that count.
    async fn count(&self) -> Result<(), Error> {
        let insert = "
            insert into counter_delta (campaign_id, kind, calling_code, n)
            select $1::bigint, 'pending', null::smallint, $2::bigint
            union all select $1::bigint, 'recipient', * from unnest($3::smallint[], $4::bigint[])";
        let (countries, n): (Vec<i16>, Vec<i64>) =
            self.by_country.iter().map(|(code, n)| (code.0, *n)).unzip();
        self.client.execute(insert, &[&self.campaign.0, &i64::from(self.imported), &countries, &n]).await?;
        Ok(())
    }

    async fn keep_rejections(&self, import: i64, batch: &[Rejection]) -> Result<(), Error> {
        let insert = "
            insert into import_rejection (import_id, line, reason, column_name, cell)
            select $1, * from unnest($2::int[], $3::text[], $4::text[], $5::text[])";
        let lines: Vec<i32> = batch.iter().map(|rejection| rejection.line).collect();
        let reasons: Vec<&str> = batch.iter().map(|rejection| rejection.reason).collect();
        let columns: Vec<Option<&str>> = batch.iter().map(|rejection| rejection.column.as_deref()).collect();
        let cells: Vec<&str> = batch.iter().map(|rejection| rejection.cell.as_str()).collect();
        self.client.execute(insert, &[&import, &lines, &reasons, &columns, &cells]).await?;
        Ok(())
    }
}
