//! Topics, and the samples that their watchers get.

use std::collections::BTreeSet;
use std::sync::Arc;

use campaign::CampaignId;
use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use crate::jobs::job::Job;
use crate::live::progress::CampaignProgress;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// One campaign.
    Campaign(CampaignId),
    /// All campaigns that are running or paused.
    Running,
    /// One job.
    Job(i64),
}

/// The state of a topic at a time. A new sample is made only if the state has changed.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Identifies the sample: later samples of the same process have a higher number.
    pub id: SampleId,
    /// The time of this process at which the state was read.
    pub at: Timestamp,
    /// Whether the state is the present one. `false`: PostgreSQL has not answered since.
    pub is_live: bool,
    /// The state.
    pub state: State,
}

/// The number of a sample in the process that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleId {
    /// Identifies the process.
    pub process: u32,
    /// The number.
    pub number: u64,
}

/// The state of a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Of a campaign.
    Campaign(Box<CampaignProgress>),
    /// Of all campaigns that are running or paused, by id.
    Running(Vec<CampaignProgress>),
    /// Of a job.
    Job(Box<Job>),
    /// The campaign or job was deleted.
    Deleted,
}

/// Follows a topic. Dropping it ends that.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(crate) samples: Receiver<Option<Arc<Sample>>>,
    pub(crate) senders: Option<BTreeSet<String>>,
}

impl Watch {
    /// The next sample: the present one at the first call, then the latest one that was not returned yet. `None`: the process is
    /// stopping.
    pub async fn next(&mut self) -> Option<Arc<Sample>> {
        loop {
            self.samples.changed().await.ok()?;
            let sample = self.samples.borrow_and_update().clone();
            if let Some(sample) = sample {
                return Some(self.visible(sample));
            }
        }
    }

    /// The sample with campaigns that the caller may see.
    fn visible(&self, sample: Arc<Sample>) -> Arc<Sample> {
        let (Some(senders), State::Running(campaigns)) = (&self.senders, &sample.state) else {
            return sample;
        };
        let seen = campaigns.iter().filter(|campaign| senders.contains(&campaign.sender)).cloned();
        Arc::new(Sample { state: State::Running(seen.collect()), ..(*sample).clone() })
    }
}

impl std::fmt::Display for SampleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}-{}", self.process, self.number)
    }
}

impl std::str::FromStr for SampleId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, number) = text.split_once('-').ok_or(())?;
        let process = u32::from_str_radix(process, 16).map_err(|_| ())?;
        Ok(Self { process, number: number.parse().map_err(|_| ())? })
    }
}
