//! The campaigns a worker sends, compiled once. A campaign's file is frozen when it starts, so it is never stale.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use campaign::{CampaignId, CampaignState, CompiledMessage, Outcome, Policy, Refusals, Schedule, Stop};
use store::Store;
use tokio::sync::RwLock;

/// How many campaigns are kept compiled; beyond it all are forgotten and compiled again as they come.
const KEPT: usize = 256;

/// A campaign, ready to be sent.
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
    /// How many recipients one claim may take by the campaign's own rate.
    pub(crate) fn claim_size(&self) -> usize {
        self.claim_size
    }

    /// Notes an outcome; a stop when this worker met too many refusals in a row.
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
    /// The campaign, or `None` when it is a draft still or its message cannot be compiled, and so is not to be sent.
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
            .map_or(usize::MAX, |rate| usize::try_from(store::leased_at(rate)).unwrap_or(usize::MAX));
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
