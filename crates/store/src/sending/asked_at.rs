//! The time at which the message of an answer was sent.

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::written_for;

/// Sets the time at which the message was sent in the answers of these recipients: the first recorded request that may have
/// delivered it.
const ASKED: &str = "
update flow_answer a
set asked_at = left_at.first
from unnest($1::int[]) as s (seq), lateral (
    select min(t.sent_at) as first from attempt t
    where t.campaign_id = $2 and t.campaign_id between {{first}} and {{last}}
        and t.seq = s.seq and t.outcome in ('accepted', 'unknown')) left_at
where a.campaign_id = $2 and a.campaign_id between {{first}} and {{last}}
    and a.seq = any($1) and a.seq = s.seq and a.asked_at is distinct from left_at.first";

impl Store {
    /// Sets the time at which the message was sent, after a request was recorded for a recipient that was already resolved.
    pub(crate) async fn set_asked_at(&self, campaign: CampaignId, seqs: &[i32]) -> Result<(), Error> {
        let client = self.client().await?;
        client
            .execute(&client.prepare_cached(&written_for(campaign, ASKED)).await?, &[&seqs, &campaign.0])
            .await?;
        Ok(())
    }
}
