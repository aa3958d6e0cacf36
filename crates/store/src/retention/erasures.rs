//! Erases personal data: of campaigns that ended long ago, and of one number everywhere. Counts are kept.
//!
//! The row of a recipient stays: its number becomes the negative of its place, and its variables are removed. Texts and message
//! ids of the provider (some contain the number), answers, other numbers of the person and their user ids of WhatsApp are erased
//! too. `suppression` keeps the numbers, because people that opted out must still not be sent to.

use std::collections::BTreeSet;
use std::time::Duration;

use campaign::{CampaignId, Msisdn};
use jiff::civil::Date;
use tokio_postgres::{Client, GenericClient, Transaction};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::lists::aliases::{LINKED, Linked};
use crate::lists::numbers::stored;

/// Erases recipients `$2` of campaign `$1`, one statement per table.
const RECIPIENTS: [&str; 8] = [
    "delete from unmatched_status o using sent_message m where m.campaign_id = $1 and m.seq = any($2)
        and o.sender_id = m.sender_id and o.provider_message_id = m.provider_message_id",
    "delete from sent_message where campaign_id = $1 and seq = any($2)",
    "update attempt set provider_message_id = null, reason_text = null where campaign_id = $1 and seq = any($2)",
    "update receipt set provider_message_id = null where campaign_id = $1 and seq = any($2)",
    "update resolution set provider_message_id = null where campaign_id = $1 and seq = any($2)",
    "update flow_answer f set answer = '{}', inbound_id = 'erased-' || n.n
        from (select seq, inbound_id, row_number() over (partition by seq) as n from flow_answer
            where campaign_id = $1 and seq = any($2)) n
        where f.campaign_id = $1 and f.seq = n.seq and f.inbound_id = n.inbound_id",
    "delete from recipient_number n using recipient r
        where r.campaign_id = $1 and r.seq = any($2) and n.campaign_id = $1 and n.msisdn = r.msisdn",
    "update recipient set msisdn = -seq, variables = '{}' where campaign_id = $1 and seq = any($2)",
];

/// Ends erased recipients that wait: a recipient without a number cannot be sent to.
const END: [&str; 4] = [
    "delete from due where campaign_id = $1 and seq = any($2)",
    "delete from unknown_recipient where campaign_id = $1 and seq = any($2)",
    "delete from template_fallback where campaign_id = $1 and seq = any($2)",
    "update recipient set state = case state when 'unknown' then 'failed' else 'skipped' end, reason_code = 'erased',
        changed_at = clock_timestamp()
        where campaign_id = $1 and seq = any($2) and state in ('pending', 'retry', 'unknown')",
];

/// Deletes aliases and user ids of recipients `$2` of campaign `$1` that were not seen for `$3` seconds; dates are updated once
/// a week.
const UNSEEN: [&str; 3] = [
    "delete from known_user k using recipient r
        where r.campaign_id = $1 and r.seq = any($2) and k.msisdn = r.msisdn
            and k.seen_on < now() - $3::float8 * interval '1 second' - interval '7 days'",
    "delete from number_alias a using recipient r
        where r.campaign_id = $1 and r.seq = any($2) and a.msisdn in (r.msisdn, other_spelling(r.msisdn))
            and a.seen_on < now() - $3::float8 * interval '1 second' - interval '7 days'",
    "delete from number_alias a using recipient r
        where r.campaign_id = $1 and r.seq = any($2) and a.alias in (r.msisdn, other_spelling(r.msisdn))
            and a.seen_on < now() - $3::float8 * interval '1 second' - interval '7 days'",
];

/// Recipients per transaction.
const STRIDE: i32 = 10_000;

impl Store {
    /// Erases the personal data of campaigns that ended at least `ended_before` ago. Returns these campaigns.
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
        let mut client = self.maintenance_client().await?;
        let mut erased = Vec::new();
        for row in client.query(select, &[&ended_before.as_secs_f64()]).await? {
            let (id, recipients): (i64, i32) = (row.get(0), row.get(1));
            for first in (1..=recipients).step_by(STRIDE as usize) {
                let seqs: Vec<i32> = (first..first.saturating_add(STRIDE)).collect();
                let tx = client.transaction().await?;
                for statement in UNSEEN {
                    tx.execute(statement, &[&id, &seqs, &ended_before.as_secs_f64()]).await?;
                }
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

    /// Erases a number everywhere except in `suppression`, with all numbers and user ids of the same person. Returns the number
    /// of campaigns.
    ///
    /// All posts are read before a recipient is locked: a claim that meets a locked recipient waits, and holds the claim lock of
    /// its sender meanwhile. Each recipient is one transaction. If the command is interrupted, running it again erases the rest.
    pub async fn erase_number(&self, msisdn: Msisdn) -> Result<usize, Error> {
        let select = "
            select campaign_id, seq, state from recipient_number join recipient using (campaign_id, seq)
            where recipient_number.msisdn = any($1) order by 1, 2";
        let mut client = self.maintenance_client().await?;
        let people: Vec<i64> = stored(msisdn.person()).into_iter().collect();
        let linked = Linked::read(&client.query(LINKED, &[&people]).await?);
        let numbers: Vec<i64> = linked.numbers(msisdn).into_iter().filter_map(stored).collect();
        let rows = client.query(select, &[&numbers]).await?;
        if let Some(row) = rows.iter().find(|row| row.get::<_, &str>(2) == "sending") {
            let campaign: i64 = row.get(0);
            return Err(Error::Conflict(format!(
                "the number is being sent to in campaign {campaign}, nothing was erased; try again in a minute"
            )));
        }
        let users =
            client.query("select user_id from known_user where msisdn = any($1)", &[&numbers]).await?;
        // Texts that identify only this person: numbers and user ids.
        let names: BTreeSet<String> =
            users.iter().map(|row| row.get(0)).chain(numbers.iter().map(ToString::to_string)).collect();
        let mut needles: Vec<String> = names.iter().cloned().collect();
        for row in &rows {
            needles.extend(provider_ids(&client, row.get(0), row.get(1)).await?);
        }
        let began: Date = client.query_one("select current_date", &[]).await?.get(0);
        delete_bodies(&client, &needles, None).await?;
        for row in &rows {
            needles.extend(erase_recipient(&mut client, row.get(0), row.get(1)).await?);
        }
        for of_number in [
            "delete from conversation where msisdn = any($1)",
            "delete from number_alias where msisdn = any($1) or alias = any($1)",
        ] {
            client.execute(of_number, &[&numbers]).await?;
        }
        for by_text in [
            "delete from unmatched_status where position($1 in event::text || provider_message_id) > 0",
            "update import_rejection set cell = 'erased' where position($1 in regexp_replace(cell, '\\D', '', 'g')) > 0",
        ] {
            for name in &names {
                client.execute(by_text, &[name]).await?;
            }
        }
        // Posts since the first reading. User ids are deleted last: a second run needs them.
        delete_bodies(&client, &needles, Some(began)).await?;
        client.execute("delete from known_user where msisdn = any($1)", &[&numbers]).await?;
        Ok(rows.len())
    }
}

/// The message ids of the provider and the answer ids of one recipient.
async fn provider_ids(client: &impl GenericClient, campaign: i64, seq: i32) -> Result<Vec<String>, Error> {
    let select = "
        select id from (
            select provider_message_id as id from attempt where campaign_id = $1 and seq = $2
            union select provider_message_id from receipt where campaign_id = $1 and seq = $2
            union select inbound_id from flow_answer where campaign_id = $1 and seq = $2
        ) ids where length(id) > 5";
    Ok(client.query(select, &[&campaign, &seq]).await?.iter().map(|row| row.get(0)).collect())
}

/// Deletes posts since a day that contain one of these texts.
async fn delete_bodies(client: &Client, needles: &[String], since: Option<Date>) -> Result<(), Error> {
    let delete = "
        delete from webhook_body b where b.received_on >= coalesce($2::date, '-infinity')
            and exists (select from unnest($1::text[]) needle where position(convert_to(needle, 'UTF8') in b.body) > 0)";
    client.execute(delete, &[&needles, &since]).await?;
    Ok(())
}

/// Erases one recipient, in a short transaction. Returns the ids of the provider that it had.
async fn erase_recipient(client: &mut Client, campaign: i64, seq: i32) -> Result<Vec<String>, Error> {
    let lock = "select state from recipient where campaign_id = $1 and seq = $2 for update";
    let tx = client.transaction().await?;
    let state = tx.query_opt(lock, &[&campaign, &seq]).await?;
    if state.is_some_and(|row| row.get::<_, &str>(0) == "sending") {
        return Err(Error::Conflict(format!(
            "the number is being sent to in campaign {campaign} now and is not erased there; run the \
             command again in a minute"
        )));
    }
    let ids = provider_ids(&tx, campaign, seq).await?;
    erase(&tx, campaign, &[seq]).await?;
    tx.commit().await?;
    Ok(ids)
}

async fn erase(tx: &Transaction<'_>, campaign: i64, seqs: &[i32]) -> Result<(), Error> {
    for statement in END.iter().chain(&RECIPIENTS) {
        tx.execute(*statement, &[&campaign, &seqs]).await?;
    }
    Ok(())
}
