//! The campaigns that a worker sends, compiled once. The definition of a campaign is frozen at its start, so a compiled
//! campaign never becomes stale.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use campaign::{CampaignId, CampaignState, CompiledMessage, Outcome, Policy, Refusals, Schedule, Stop};
use store::Store;
use tokio::sync::RwLock;

/// Most compiled campaigns; at this number the cache is cleared.
const KEPT: usize = 256;

/// A campaign whose message is compiled.
#[derive(Debug)]
pub(crate) struct Campaign {
    /// Its message.
    pub(crate) message: CompiledMessage,
    /// Its rules.
    pub(crate) policy: Policy,
    /// When it may send.
    pub(crate) schedule: Schedule,
    refusals: Mutex<Refusals>,
    claim_size: usize,
}

impl Campaign {
    /// How many recipients one claim may take at the campaign's own rate.
    pub(crate) fn claim_size(&self) -> usize {
        self.claim_size
    }

    /// Counts an outcome; returns a stop if this worker met too many permanent refusals in a row.
    pub(crate) fn note(&self, outcome: &Outcome) -> Option<Stop> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).note(&self.policy, outcome)
    }
}

/// The compiled campaigns.
#[derive(Default)]
pub(crate) struct Campaigns {
    compiled: RwLock<HashMap<CampaignId, Arc<Campaign>>>,
}

impl Campaigns {
    /// The campaign; `None` if it is a draft or its message cannot be compiled, so nothing of it may be sent.
    pub(crate) async fn get(
        &self,
        store: &Store,
        id: CampaignId,
    ) -> Result<Option<Arc<Campaign>>, store::Error> {
        if let Some(campaign) = self.compiled.read().await.get(&id) {
            return Ok(Some(Arc::clone(campaign)));
        }
        let row = match store.campaign(id).await {
            Ok(row) if row.state != CampaignState::Draft => row,
            Ok(_) | Err(store::Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let message = match row.definition.compile() {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(campaign.id = %id, "campaign {id} cannot be sent: {error}");
                return Ok(None);
            }
        };
        let (policy, schedule) = (row.definition.policy, row.definition.schedule);
        let claim_size = policy
            .rate
            .map_or(usize::MAX, |rate| usize::try_from(store::permits_per_lease(rate)).unwrap_or(usize::MAX));
        let campaign =
            Arc::new(Campaign { message, policy, schedule, claim_size, refusals: Mutex::default() });
        let mut compiled = self.compiled.write().await;
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(id, Arc::clone(&campaign));
        Ok(Some(campaign))
    }
}
