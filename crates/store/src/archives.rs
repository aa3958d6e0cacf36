//! Dropping what a finished campaign holds, in a moment: its partitions. Its row and its counts are kept.

use campaign::{CampaignId, CampaignState};

use crate::connection::Store;
use crate::error::Error;

impl Store {
    /// Drops recipients, attempts, receipts and answers of an ended campaign. Partitions are detached first, without a lock
    /// that claims would wait for. Doing it again finishes what broke off.
    pub async fn archive_campaign(&self, campaign: CampaignId) -> Result<(), Error> {
        let state = self.campaign(campaign).await?.state;
        if !matches!(state, CampaignState::Finished | CampaignState::Cancelled) {
            return Err(Error::Conflict(format!(
                "campaign {campaign} is {state}; only a finished or cancelled one can be archived"
            )));
        }
        let mark = "
            update campaign set archived_at = coalesce(archived_at, now()), unknown_rule = 'leave'
            where id = $1 and state in ('finished', 'cancelled') and not exists (select from claim where campaign_id = $1)";
        let client = self.maintenance_client().await?;
        if client.execute(mark, &[&campaign.0]).await? == 0 {
            return Err(Error::Conflict(format!(
                "somebody of campaign {campaign} is being sent to; archive it when that is over"
            )));
        }
        for rest in ["due", "unsettled", "receipt_to_settle", "answered", "sent_message", "settlement"] {
            client.execute(&format!("delete from {rest} where campaign_id = $1"), &[&campaign.0]).await?;
        }
        let attached = "
            select p.relname, i.inhdetachpending from pg_inherits i
            join pg_class p on p.oid = i.inhparent where i.inhrelid = to_regclass($1)";
        for parent in ["flow_answer", "receipt", "attempt", "recipient"] {
            let partition = format!("{parent}_c{campaign}");
            if let Some(row) = client.query_opt(attached, &[&partition]).await? {
                let how = if row.get(1) { "finalize" } else { "concurrently" };
                let detach = format!("alter table {parent} detach partition {partition} {how}");
                client.batch_execute(&detach).await?;
            }
            client.batch_execute(&format!("drop table if exists {partition} cascade")).await?;
        }
        Ok(())
    }
}
