//! Erasing personal data: of campaigns that ended long ago, and of one number everywhere. Counts are kept.
//!
//! A recipient stays as a row: its number becomes the negative of its place, its variables nothing. What the provider sent in
//! words, its ids (some of them hold the number), and answers go as well. `suppression` keeps the number, for whoever
//! asked not to be written to must still not be.

use std::time::Duration;

use campaign::{CampaignId, Msisdn};
use tokio_postgres::Transaction;

use crate::connection::Store;
use crate::error::Error;

/// Erases recipients `$2` of campaign `$1`, a statement a table.
const RECIPIENTS: [&str; 7] = [
    "delete from orphan o using sent_message m where m.campaign_id = $1 and m.seq = any($2)
        and o.sender_id = m.sender_id and o.provider_message_id = m.provider_message_id",
    "delete from sent_message where campaign_id = $1 and seq = any($2)",
    "update attempt set provider_message_id = null, reason_text = null where campaign_id = $1 and seq = any($2)",
    "update receipt set provider_message_id = null where campaign_id = $1 and seq = any($2)",
    "update settlement set provider_message_id = null where campaign_id = $1 and seq = any($2)",
    "update flow_answer f set answer = '{}', inbound_id = 'erased-' || n.n
        from (select seq, inbound_id, row_number() over (partition by seq) as n from flow_answer
            where campaign_id = $1 and seq = any($2)) n
        where f.campaign_id = $1 and f.seq = n.seq and f.inbound_id = n.inbound_id",
    "update recipient set msisdn = -seq, variables = '{}' where campaign_id = $1 and seq = any($2)",
];

/// Ends the waiting of somebody who is erased: nobody without a number can be sent to.
const END: [&str; 3] = [
    "delete from due where campaign_id = $1 and seq = any($2)",
    "delete from unsettled where campaign_id = $1 and seq = any($2)",
    "update recipient set state = case state when 'unknown' then 'failed' else 'skipped' end, reason_code = 'erased',
        changed_at = clock_timestamp()
        where campaign_id = $1 and seq = any($2) and state in ('pending', 'retry', 'unknown')",
];

/// How many recipients are erased at once.
const STRIDE: i32 = 10_000;

impl Store {
    /// Erases the personal data of campaigns that ended so long ago. Returns those it was.
    pub async fn erase_campaigns(&self, ended_before: Duration) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select id, recipients from campaign c
            where state in ('finished', 'cancelled') and finished_at < now() - $1 * interval '1 second'
                and erased_at is null and archived_at is null
                and not exists (select from claim where campaign_id = c.id)
            order by id";
        let rejections = "
            update import_rejection set cell = 'erased'
            where import_id in (select id from import where campaign_id = $1)";
        let done = "update campaign set erased_at = now() where id = $1";
        let mut client = self.own_client().await?;
        let mut erased = Vec::new();
        for row in client.query(select, &[&ended_before.as_secs_f64()]).await? {
            let (id, recipients): (i64, i32) = (row.get(0), row.get(1));
            for first in (1..=recipients).step_by(STRIDE as usize) {
                let seqs: Vec<i32> = (first..first.saturating_add(STRIDE)).collect();
                let tx = client.transaction().await?;
                erase(&tx, id, &seqs).await?;
                tx.commit().await?;
            }
            let tx = client.transaction().await?;
            tx.execute(rejections, &[&id]).await?;
            tx.execute(done, &[&id]).await?;
            tx.commit().await?;
            erased.push(CampaignId(id));
        }
        Ok(erased)
    }

    /// Erases a number everywhere but in `suppression`. Returns in how many campaigns it was.
    pub async fn erase_number(&self, msisdn: Msisdn) -> Result<usize, Error> {
        let select = "select campaign_id, seq, state from recipient where msisdn = $1 order by 1 for update";
        let number = i64::try_from(msisdn.digits()).map_err(Error::unreadable)?;
        let digits = msisdn.digits().to_string();
        let mut client = self.own_client().await?;
        let tx = client.transaction().await?;
        let rows = tx.query(select, &[&number]).await?;
        if let Some(row) = rows.iter().find(|row| row.get::<_, &str>(2) == "sending") {
            let campaign: i64 = row.get(0);
            return Err(Error::Conflict(format!(
                "the number is being sent to in campaign {campaign}, nothing was erased; try again in a minute"
            )));
        }
        for row in &rows {
            let (campaign, seq): (i64, i32) = (row.get(0), row.get(1));
            let ids = "
                delete from webhook_body b using (
                    select provider_message_id as id from attempt where campaign_id = $1 and seq = $2
                    union select provider_message_id from receipt where campaign_id = $1 and seq = $2
                    union select inbound_id from flow_answer where campaign_id = $1 and seq = $2) i
                where length(i.id) > 5 and position(convert_to(i.id, 'UTF8') in b.body) > 0";
            tx.execute(ids, &[&campaign, &seq]).await?;
            erase(&tx, campaign, &[seq]).await?;
        }
        tx.execute("delete from conversation where msisdn = $1", &[&number]).await?;
        for by_text in [
            "delete from webhook_body where position(convert_to($1, 'UTF8') in body) > 0",
            "delete from orphan where position($1 in event::text || provider_message_id) > 0",
            "update import_rejection set cell = 'erased' where position($1 in regexp_replace(cell, '\\D', '', 'g')) > 0",
        ] {
            tx.execute(by_text, &[&digits]).await?;
        }
        tx.commit().await?;
        Ok(rows.len())
    }
}

async fn erase(tx: &Transaction<'_>, campaign: i64, seqs: &[i32]) -> Result<(), Error> {
    for statement in END.iter().chain(&RECIPIENTS) {
        tx.execute(*statement, &[&campaign, &seqs]).await?;
    }
    Ok(())
}
