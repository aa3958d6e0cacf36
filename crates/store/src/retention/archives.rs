//! Deletes recipients, attempts, receipts and answers of ended campaigns. The row of the campaign and its counters are kept.
//!
//! The rows of one campaign are deleted in small batches. When all campaigns of a volume are archived, the tables of the volume
//! are dropped. Both bypass the triggers that maintain the counters.

use campaign::{CampaignId, CampaignState};
use tokio_postgres::Client;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::{TABLES, Volume};

/// Recipients whose rows are deleted by one statement, which takes about 10 ms a table.
const STRIDE: i32 = 10_000;

/// Tables with rows of campaigns that do not belong to a volume.
const OTHERS: [&str; 7] = [
    "due",
    "unknown_recipient",
    "receipt_to_resolve",
    "template_fallback",
    "answered",
    "sent_message",
    "resolution",
];

impl Store {
    /// Deletes recipients, attempts, receipts and answers of an ended campaign. If all other campaigns of its volume are
    /// archived and the volume is rotated, the tables of the volume are dropped. A second call finishes an interrupted call.
    /// `progress` gets the number of processed recipients and of all recipients.
    pub async fn archive_campaign(
        &self,
        campaign: CampaignId,
        mut progress: impl FnMut(i32, i32),
    ) -> Result<(), Error> {
        let state = self.campaign(campaign).await?.state;
        if !matches!(state, CampaignState::Finished | CampaignState::Cancelled) {
            return Err(Error::Conflict(format!(
                "campaign {campaign} is {state}; only a finished or cancelled one can be archived"
            )));
        }
        let mark = "
            update campaign set archived_at = coalesce(archived_at, now()), unknown_rule = 'leave'
            where id = $1 and state in ('finished', 'cancelled') and not exists (select from claim where campaign_id = $1)
            returning recipients";
        let client = self.maintenance_client().await?;
        let Some(marked) = client.query_opt(mark, &[&campaign.0]).await? else {
            return Err(Error::Conflict(format!(
                "recipients of campaign {campaign} are being sent to; archive the campaign when that is over"
            )));
        };
        let recipients: i32 = marked.get(0);
        for rest in OTHERS {
            client.execute(&format!("delete from {rest} where campaign_id = $1"), &[&campaign.0]).await?;
        }
        let volume = Volume::of(campaign);
        if is_retired(&client, volume).await? {
            return drop_tables(&client, volume).await;
        }
        for first in (1..=recipients).step_by(STRIDE as usize) {
            let end = first.saturating_add(STRIDE);
            for table in TABLES {
                client.execute(&delete_from(volume, table), &[&campaign.0, &first, &end]).await?;
            }
            progress((end - 1).min(recipients), recipients);
        }
        Ok(())
    }

    /// Drops the tables of rotated volumes whose campaigns are all archived, and returns the number of these volumes. To be called
    /// about once an hour. It waits for readers of these tables, no longer than the lock timeout of maintenance, and no other
    /// statement waits for it.
    pub async fn drop_retired_volumes(&self) -> Result<usize, Error> {
        let client = self.maintenance_client().await?;
        let volumes = client.query("select id from volume where dropped_at is null order by id", &[]).await?;
        let mut dropped = 0;
        for volume in volumes.iter().map(|row| Volume(row.get(0))) {
            if is_retired(&client, volume).await? {
                drop_tables(&client, volume).await?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

/// The statement that deletes the rows of campaign `$1` with `$2 <= seq < $3`.
fn delete_from(volume: Volume, table: &str) -> String {
    let name = volume.table(table);
    if table == "recipient_number" {
        let recipient = volume.table("recipient");
        return format!(
            "delete from {name} n using {recipient} r
             where r.campaign_id = $1 and r.seq >= $2 and r.seq < $3 and n.msisdn = r.msisdn and n.campaign_id = $1"
        );
    }
    format!("delete from {name} where campaign_id = $1 and seq >= $2 and seq < $3")
}

/// Whether all campaigns of a volume are archived, and new campaigns belong to a later volume.
async fn is_retired(client: &Client, volume: Volume) -> Result<bool, Error> {
    let select = "
        select volume_of((select max(id) from campaign)) > $1
            and not exists (select from campaign where id >= $2 and id < $3 and archived_at is null)";
    let (first, end) = volume.ids();
    Ok(client.query_one(select, &[&volume.0, &first, &end]).await?.get::<_, Option<bool>>(0).unwrap_or(false))
}

/// Detaches the tables first, without a lock that blocks claims, then drops them.
async fn drop_tables(client: &Client, volume: Volume) -> Result<(), Error> {
    let attached = "select inhdetachpending from pg_inherits where inhrelid = to_regclass($1)";
    for parent in TABLES {
        let table = volume.table(parent);
        if let Some(row) = client.query_opt(attached, &[&table]).await? {
            let how = if row.get(0) { "finalize" } else { "concurrently" };
            client.batch_execute(&format!("alter table {parent} detach partition {table} {how}")).await?;
        }
        client.batch_execute(&format!("drop table if exists {table}")).await?;
    }
    let note = "update volume set dropped_at = clock_timestamp() where id = $1";
    client.execute(note, &[&volume.0]).await?;
    Ok(())
}
