//! Storing a list: recipients by COPY, counts and refusals, all in one transaction.

use std::pin::pin;

use campaign::{CampaignId, CampaignState, Msisdn, Variables};
use futures::TryStreamExt;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, CopyInSink};

use crate::campaigns::missing;
use crate::connection::Store;
use crate::error::Error;

/// A list being stored. Dropped without [`Import::finish`], nothing of it is kept.
pub struct Import {
    client: Client,
    campaign: CampaignId,
    next_seq: i32,
    imported: i32,
}

/// What became of the rows of a list; `uploaded` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Rows of the list.
    pub uploaded: i32,
    /// Stored as recipients.
    pub imported: i32,
    /// In the list, or in the campaign, before.
    pub duplicates: i32,
    /// Refused, each with its reason.
    pub rejected: i32,
}

/// A row of the list that is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Line of the file, from 1, the header included.
    pub line: i32,
    /// Why, as a word.
    pub reason: &'static str,
    /// What stands in the number column, shortened.
    pub cell: String,
}

impl Store {
    /// Begins to store a list for a draft. Two imports into one campaign wait for each other.
    pub async fn begin_import(&self, campaign: CampaignId) -> Result<Import, Error> {
        let client = self.own_client().await?;
        client.batch_execute("begin").await?;
        let select = "select state, recipients from campaign where id = $1 for update";
        let row = client.query_opt(select, &[&campaign.0]).await?.ok_or_else(|| missing(campaign))?;
        let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
        if state != CampaignState::Draft {
            return Err(Error::Conflict(format!(
                "campaign {campaign} is {state}; lists can be imported into a draft only"
            )));
        }
        let imported: i32 = row.get(1);
        Ok(Import { client, campaign, next_seq: imported + 1, imported: 0 })
    }
}

impl Import {
    /// The numbers the campaign has already, from earlier lists.
    pub async fn numbers(&self) -> Result<Vec<Msisdn>, Error> {
        let select = "select msisdn from recipient where campaign_id = $1";
        let rows = pin!(self.client.query_raw(select, [&self.campaign.0]).await?);
        let numbers = rows
            .map_ok(|row| u64::try_from(row.get::<_, i64>(0)).ok().and_then(Msisdn::from_digits))
            .try_collect::<Vec<_>>()
            .await?;
        Ok(numbers.into_iter().flatten().collect())
    }

    /// Stores recipients, taken from `batches` until it ends. They must be distinct, also from [`Import::numbers`].
    pub async fn copy(
        &mut self,
        mut batches: tokio::sync::mpsc::Receiver<Vec<(Msisdn, Variables)>>,
    ) -> Result<(), Error> {
        let table = format!("recipient_c{}", self.campaign);
        let copy = format!("copy {table} (campaign_id, msisdn, seq, variables) from stdin binary");
        let sink: CopyInSink<bytes::Bytes> = self.client.copy_in(&copy).await?;
        let types = [Type::INT8, Type::INT8, Type::INT4, Type::JSONB];
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        while let Some(batch) = batches.recv().await {
            for (msisdn, variables) in batch {
                let digits = i64::try_from(msisdn.digits()).map_err(Error::unreadable)?;
                writer
                    .as_mut()
                    .write(&[&self.campaign.0, &digits, &self.next_seq, &Json(&variables)])
                    .await?;
                self.imported += 1;
                self.next_seq = self.next_seq.checked_add(1).ok_or_else(|| {
                    Error::Invalid("a campaign holds at most 2,147,483,646 recipients; split the list".into())
                })?;
            }
        }
        writer.finish().await?;
        Ok(())
    }

    /// Keeps the list: recipients, counts and refusals become visible together.
    pub async fn finish(
        self,
        source: &str,
        duplicates: i32,
        rejections: &[Rejection],
    ) -> Result<ImportCounts, Error> {
        let rejected = i32::try_from(rejections.len()).unwrap_or(i32::MAX);
        let uploaded = self.imported + duplicates + rejected;
        let insert = "
            insert into import (campaign_id, source, uploaded, imported, duplicates, rejected)
            values ($1, $2, $3, $4, $5, $6) returning id";
        let import: i64 = self
            .client
            .query_one(
                insert,
                &[&self.campaign.0, &source, &uploaded, &self.imported, &duplicates, &rejected],
            )
            .await?
            .get(0);
        for chunk in rejections.chunks(10_000) {
            let insert = "
                insert into import_rejection (import_id, line, reason, cell)
                select $1, * from unnest($2::int[], $3::text[], $4::text[])";
            let lines: Vec<i32> = chunk.iter().map(|rejection| rejection.line).collect();
            let reasons: Vec<&str> = chunk.iter().map(|rejection| rejection.reason).collect();
            let cells: Vec<&str> = chunk.iter().map(|rejection| rejection.cell.as_str()).collect();
            self.client.execute(insert, &[&import, &lines, &reasons, &cells]).await?;
        }
        // A list copied into its partition passes by the triggers that count.
        let count = "insert into tally_delta (campaign_id, kind, n) values ($1, 'pending', $2)";
        self.client.execute(count, &[&self.campaign.0, &i64::from(self.imported)]).await?;
        let update = "update campaign set recipients = $2 where id = $1";
        self.client.execute(update, &[&self.campaign.0, &(self.next_seq - 1)]).await?;
        self.client.batch_execute("commit").await?;
        // What the planner knows of a table just filled would otherwise be nothing.
        self.client.batch_execute(&format!("analyze recipient_c{}", self.campaign)).await?;
        Ok(ImportCounts { uploaded, imported: self.imported, duplicates, rejected })
    }
}
