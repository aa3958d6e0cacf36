//! All stops of a sender, also those that ended.

use campaign::{CampaignId, SenderId};
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A stop of a sender or of one of its campaigns.
#[derive(Clone, Debug)]
pub struct PastHold {
    /// Number of the stop.
    pub id: i64,
    /// The campaign; `None`: the whole sender was stopped.
    pub campaign: Option<CampaignId>,
    /// The reason.
    pub reason: String,
    /// The provider's code of the refusal that caused the stop.
    pub code: Option<String>,
    /// The explanation, in our words.
    pub detail: Option<String>,
    /// The time of the stop.
    pub since: Timestamp,
    /// The expected end, while the stop is in force.
    pub until: Option<Timestamp>,
    /// The cause: a person, or the worker whose request was refused.
    pub caused_by: String,
    /// How often the sender was probed.
    pub probes: i32,
    /// The end.
    pub ended_at: Option<Timestamp>,
    /// Who or what ended the stop.
    pub ended_by: Option<String>,
}

impl Store {
    /// The stops of a sender and its campaigns with a lower id than `before`, the highest id first, at most `limit`.
    pub async fn hold_page(
        &self,
        sender: SenderId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PastHold>, Error> {
        let select = "
            select id, campaign_id, reason, code, detail, since,
                case when ended_at is null then coalesce(until, probe_at) end, caused_by, probes, ended_at, ended_by
            from hold where sender_id = $1 and id < $2 order by id desc limit $3";
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let rows = self.client().await?.query(select, &[&sender.0, &before, &limit]).await?;
        let read = |row: &tokio_postgres::Row| PastHold {
            id: row.get(0),
            campaign: row.get::<_, Option<i64>>(1).map(CampaignId),
            reason: row.get(2),
            code: row.get(3),
            detail: row.get(4),
            since: row.get(5),
            until: row.get(6),
            caused_by: row.get(7),
            probes: row.get(8),
            ended_at: row.get(9),
            ended_by: row.get(10),
        };
        Ok(rows.iter().map(read).collect())
    }
}
