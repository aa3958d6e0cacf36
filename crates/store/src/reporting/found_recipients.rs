//! Finds the recipients of all campaigns with the number of a person.

use campaign::Msisdn;
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::lists::aliases::{LINKED, Linked};
use crate::lists::numbers::stored;

/// A recipient that was found by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecipient {
    /// The campaign.
    pub campaign_id: i64,
    /// The name of the campaign.
    pub campaign: String,
    /// The name of its sender.
    pub sender: String,
    /// The place of the recipient in the campaign.
    pub seq: i32,
    /// The state of the recipient.
    pub state: String,
    /// What was reported of its message after it was accepted: `undelivered`, `answered`, `read` or `delivered`.
    pub report: Option<String>,
    /// The time of its last change.
    pub changed_at: Option<Timestamp>,
}

impl Store {
    /// The recipients with this number, or another number of the same person: the newest campaign first, at most `limit`.
    pub async fn recipients_of(&self, number: Msisdn, limit: u32) -> Result<Vec<FoundRecipient>, Error> {
        let select = "
            select n.campaign_id, c.name, s.name, n.seq, r.state, r.changed_at,
                case
                    when r.state <> 'accepted' then null
                    when t.failed_at is not null then 'undelivered'
                    when exists (select from flow_answer f where f.campaign_id = n.campaign_id and f.seq = n.seq) then 'answered'
                    when t.read_at is not null then 'read'
                    when t.delivered_at is not null then 'delivered'
                end
            from (select campaign_id, seq from recipient_number where msisdn = any($1) order by campaign_id desc limit $2) n
            join campaign c on c.id = n.campaign_id join sender s on s.id = c.sender_id
            join lateral (
                select state, changed_at from recipient where campaign_id = n.campaign_id and seq = n.seq offset 0) r on true
            left join lateral (
                select failed_at, read_at, delivered_at from receipt where campaign_id = n.campaign_id and seq = n.seq offset 0) t on true
            order by n.campaign_id desc, n.seq";
        let client = self.client().await?;
        let people: Vec<i64> = stored(number.person()).into_iter().collect();
        let linked = Linked::read(&client.query(LINKED, &[&people]).await?);
        let numbers: Vec<i64> = linked.numbers(number).into_iter().filter_map(stored).collect();
        let rows = client.query(select, &[&numbers, &i64::from(limit)]).await?;
        Ok(rows
            .iter()
            .map(|row| FoundRecipient {
                campaign_id: row.get(0),
                campaign: row.get(1),
                sender: row.get(2),
                seq: row.get(3),
                state: row.get(4),
                changed_at: row.get(5),
                report: row.get(6),
            })
            .collect())
    }
}
