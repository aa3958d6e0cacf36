//! Reads flow answers for people.

use campaign::{CampaignId, Seq};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::connection::Store;
use crate::db::error::Error;

/// One completed flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnswerReport {
    /// The recipient.
    pub seq: i32,
    /// Identifies the answer in its campaign; it does not contain the id of the provider.
    pub answer_id: String,
    /// Time of completion.
    pub answered_at: Timestamp,
    /// What the person entered.
    pub answer: Value,
    /// Whether the answer came from a number that is not known to be the recipient's and does not reply to our message.
    pub from_other_number: bool,
}

impl Store {
    /// Flow answers of a campaign by recipient, after this answer (its recipient and its id), at most `limit`.
    pub async fn answers(
        &self,
        campaign: CampaignId,
        (after, limit): (Option<(Seq, &str)>, u32),
    ) -> Result<Vec<AnswerReport>, Error> {
        let select = format!(
            "select seq, md5(inbound_id), answered_at, answer, from_other_number from flow_answer
            where campaign_id = '{}'::bigint and seq >= $1 and (seq, md5(inbound_id)) > ($1, $2)
            order by seq, md5(inbound_id) limit $3",
            campaign.0
        );
        let (seq, answer) = after.map_or((0, ""), |(seq, answer)| (seq.0, answer));
        let rows = self.client().await?.query(&select, &[&seq, &answer, &i64::from(limit)]).await?;
        Ok(rows
            .iter()
            .map(|row| AnswerReport {
                seq: row.get(0),
                answer_id: row.get(1),
                answered_at: row.get(2),
                answer: row.get(3),
                from_other_number: row.get(4),
            })
            .collect())
    }
}
