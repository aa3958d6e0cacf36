//! Counted answers of campaigns, for a minute: counting a million answers takes seconds, however many people look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use campaign::CampaignId;
use control::{AnswerSummary, Caller, Control, Error};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A count is used for this time.
const KEPT: Duration = Duration::from_mins(1);

/// The counts by campaign.
#[derive(Clone, Default)]
pub(crate) struct Summaries(Arc<Mutex<Counts>>);

/// Counts with the time at which they were made.
type Counts = HashMap<i64, (Instant, Arc<AnswerSummary>)>;

impl Summaries {
    /// The counted answers of a campaign that the caller may see. Answers are counted for one person at a time.
    pub(crate) async fn of(
        &self,
        control: &Control,
        caller: &Caller,
        id: CampaignId,
    ) -> Result<Arc<AnswerSummary>, Error> {
        // The right is checked also if the count is here already.
        control.answers_of(caller, id, campaign::Seq(0)).await?;
        let mut kept = self.0.lock().await;
        kept.retain(|_, (at, _)| at.elapsed() < KEPT);
        if let Some((_, summary)) = kept.get(&id.0) {
            return Ok(Arc::clone(summary));
        }
        let summary = Arc::new(control.answer_summary(caller, id).await?);
        kept.insert(id.0, (Instant::now(), Arc::clone(&summary)));
        Ok(summary)
    }
}
