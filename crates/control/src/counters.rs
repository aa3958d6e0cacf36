//! The check of the counters of all reports.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// The result of comparing the counters with a full count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountCheck {
    /// Campaigns whose counters were compared.
    pub campaigns: usize,
    /// Counters that differ; empty if all are right.
    pub miscounts: Vec<Miscount>,
}

/// A counter that differs from a full count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Miscount {
    /// Id of the campaign.
    pub campaign_id: i64,
    /// The kind of the counter, such as `accepted`.
    pub kind: String,
    /// The result of the full count.
    pub counted: i64,
    /// The value in reports.
    pub reported: i64,
}

impl CountCheck {
    pub(crate) fn of(campaigns: usize, found: Vec<store::Miscount>) -> Self {
        let miscount = |found: store::Miscount| Miscount {
            campaign_id: found.campaign.0,
            kind: found.kind,
            counted: found.counted,
            reported: found.kept,
        };
        Self { campaigns, miscounts: found.into_iter().map(miscount).collect() }
    }
}

impl Control {
    /// Compares the counters of all campaigns with a full count; reads every table. `progress` gets the number of compared
    /// campaigns and of all campaigns.
    pub async fn check_counts(
        &self,
        caller: &Caller,
        progress: impl Fn(usize, usize),
    ) -> Result<CountCheck, Error> {
        let attempt = Attempt::new(caller, Action::CheckCounts, Object::Installation);
        self.act(attempt, async {
            let campaigns = self.store.countable_campaigns().await?;
            let mut done = 0;
            let found = self.store.check_counters(&campaigns, |_| {
                done += 1;
                progress(done, campaigns.len());
            });
            Ok((CountCheck::of(campaigns.len(), found.await?), Value::Null))
        })
        .await
    }
}
