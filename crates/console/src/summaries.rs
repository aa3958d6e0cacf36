//! Counted answers of campaigns, for a minute: counting a million answers takes seconds, however many people look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::CampaignId;
use control::{AnswerSummary, Caller, Control, Error};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A count is used for this time.
const KEPT: Duration = Duration::from_mins(1);

/// A count that is being made or has been made, with the time at which it was begun.
type Count = (Instant, Arc<OnceCell<Arc<AnswerSummary>>>);

/// The counts by campaign.
#[derive(Clone, Default)]
pub(crate) struct Summaries(Arc<Mutex<HashMap<i64, Count>>>);

impl Summaries {
    /// The counted answers of a campaign that the caller may see. People who ask for the same campaign share one count; other
    /// campaigns do not wait for it.
    pub(crate) async fn of(
        &self,
        control: &Control,
        caller: &Caller,
        id: CampaignId,
    ) -> Result<Arc<AnswerSummary>, Error> {
        // The right is checked also if the count is here already.
        control.answers_of(caller, id, campaign::Seq(0)).await?;
        let count = self.count(id, Instant::now());
        let counted = count.get_or_try_init(async || control.answer_summary(caller, id).await.map(Arc::new));
        counted.await.cloned()
    }

    fn count(&self, id: CampaignId, now: Instant) -> Arc<OnceCell<Arc<AnswerSummary>>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, (at, _)| now.duration_since(*at) < KEPT);
        Arc::clone(&counts.entry(id.0).or_insert_with(|| (now, Arc::default())).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_share_the_count_of_a_campaign_for_a_minute() {
        let (summaries, now) = (Summaries::default(), Instant::now());
        let first = summaries.count(CampaignId(7), now);
        assert!(Arc::ptr_eq(&first, &summaries.count(CampaignId(7), now)));
        assert!(!Arc::ptr_eq(&first, &summaries.count(CampaignId(8), now)));
        assert!(!Arc::ptr_eq(&first, &summaries.count(CampaignId(7), now + KEPT)));
    }
}
