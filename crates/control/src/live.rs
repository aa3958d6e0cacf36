//! Campaigns and jobs are followed live: one sampler for all watchers of a process.
//!
//! ```text
//! PostgreSQL ◀─ one round trip a second ─ sampler ─▶ a watch channel per topic ─▶ watchers (API streams, pages)
//! ```
//!
//! **Invariants.**
//! - The number of statements does not depend on the number of watchers. Without watchers there are none.
//! - A watcher that is slow gets the latest state only.
//! - A state is said to be old as soon as PostgreSQL does not answer.
//! - The connections of the sampler cannot write.
//! - The streams of a session or API key that is not valid any more are ended within 10 seconds.

pub(crate) mod guards;
pub(crate) mod progress;
pub(crate) mod sampler;
pub(crate) mod speed;
pub(crate) mod topics;

use campaign::CampaignId;
use serde_json::Value;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::live::sampler::Live;
use crate::live::topics::{Topic, Watch};

impl Live {
    /// Follows a campaign.
    pub async fn watch_campaign(
        &self,
        control: &Control,
        caller: &Caller,
        id: CampaignId,
    ) -> Result<Watch, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        let watch = async {
            control.store.campaign(id).await?;
            Ok((self.watched(caller, Topic::Campaign(id))?, Value::Null))
        };
        control.act(attempt, watch).await
    }

    /// Follows all campaigns that are running or paused. A caller who is limited to senders sees the campaigns of these senders.
    pub async fn watch_running(&self, control: &Control, caller: &Caller) -> Result<Watch, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        control.act(attempt, async { Ok((self.watched(caller, Topic::Running)?, Value::Null)) }).await
    }

    /// Follows a job.
    pub async fn watch_job(&self, control: &Control, caller: &Caller, id: i64) -> Result<Watch, Error> {
        control.job(caller, id).await?;
        self.watched(caller, Topic::Job(id))
    }

    fn watched(&self, caller: &Caller, topic: Topic) -> Result<Watch, Error> {
        self.watch(topic, caller.senders.clone()).ok_or_else(|| {
            let text = "this server is stopping; connect again";
            Error::refused(Problem::Unavailable, text)
        })
    }
}
