//! The sampler: asks PostgreSQL once a second for the state of all topics that are watched.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use campaign::CampaignId;
use jiff::Timestamp;
use serde::Deserialize;
use store::{LiveAnswer, LiveQuestion, Store};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::jobs::job::Job;
use crate::live::guards::{self, Guards};
use crate::live::progress::{CampaignProgress, requests};
use crate::live::speed::Speed;
use crate::live::topics::{Sample, SampleId, State, Topic, Watch};

/// The time between two round trips.
const EVERY: Duration = Duration::from_secs(1);

type Channel = watch::Sender<Option<Arc<Sample>>>;

/// The sampler of a process. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    store: Store,
    topics: Mutex<Topics>,
    /// The first watcher wakes the sampler.
    woken: Notify,
    process: u32,
    number: AtomicU64,
    round_trips: AtomicU64,
    guards: Arc<Guards>,
}

#[derive(Default)]
struct Topics {
    channels: HashMap<Topic, Channel>,
    is_stopping: bool,
}

impl Live {
    /// Starts the sampler; it ends at `shutdown`, and so do all watches. `store` should have connections of its own that cannot
    /// write ([`store::Config::for_watching`]).
    pub fn start(store: Store, shutdown: CancellationToken) -> Self {
        let live = Self(Arc::new(Inner {
            store,
            topics: Mutex::default(),
            woken: Notify::new(),
            process: fastrand::u32(..),
            number: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
            guards: Arc::default(),
        }));
        tokio::spawn(guards::run(Arc::clone(&live.0.guards), live.0.store.clone(), shutdown.clone()));
        tokio::spawn(run(Arc::clone(&live.0), shutdown));
        live
    }

    /// Follows a topic; `None` if the process is stopping. A limit to senders applies to [`Topic::Running`].
    pub(crate) fn watch(&self, topic: Topic, senders: Option<BTreeSet<String>>) -> Option<Watch> {
        let mut topics = self.0.topics();
        if topics.is_stopping {
            return None;
        }
        let channel = topics.channels.entry(topic).or_insert_with(|| watch::channel(None).0);
        let mut samples = channel.subscribe();
        // The present state counts as new.
        samples.mark_changed();
        drop(topics);
        self.0.woken.notify_one();
        Some(Watch { samples, senders })
    }

    pub(crate) fn guards(&self) -> &Guards {
        &self.0.guards
    }

    /// Round trips to PostgreSQL since the start of the process.
    pub fn round_trips(&self) -> u64 {
        self.0.round_trips.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topics that are watched; topics without watchers are forgotten.
    fn watched(&self) -> Vec<(Topic, Channel)> {
        let mut topics = self.topics();
        topics.channels.retain(|_, channel| channel.receiver_count() > 0);
        topics.channels.iter().map(|(topic, channel)| (*topic, channel.clone())).collect()
    }

    fn publish(&self, channel: &Channel, state: State, at: Timestamp) {
        channel.send_if_modified(|sample| {
            if sample.as_ref().is_some_and(|sample| sample.is_live && sample.state == state) {
                return false;
            }
            *sample = Some(Arc::new(Sample { id: self.next_id(), at, is_live: true, state }));
            true
        });
    }

    /// Says that the last state may be old.
    fn publish_old(&self, channel: &Channel) {
        channel.send_if_modified(|sample| {
            let Some(last) = sample.as_ref().filter(|sample| sample.is_live) else { return false };
            let old = Sample { id: self.next_id(), is_live: false, ..(**last).clone() };
            *sample = Some(Arc::new(old));
            true
        });
    }

    fn next_id(&self) -> SampleId {
        SampleId { process: self.process, number: self.number.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

async fn run(live: Arc<Inner>, shutdown: CancellationToken) {
    let (began, mut speeds) = (Instant::now(), HashMap::new());
    while !shutdown.is_cancelled() {
        let watched = live.watched();
        if watched.is_empty() {
            speeds.clear();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = live.woken.notified() => continue,
            }
        }
        let asked = Instant::now();
        live.round_trips.fetch_add(1, Ordering::Relaxed);
        match live.store.live(&question(&watched)).await {
            Ok(answer) => {
                let progress = progress(&mut speeds, answer.campaigns.clone(), began.elapsed());
                for (topic, channel) in &watched {
                    live.publish(channel, state(*topic, &progress, &answer), Timestamp::now());
                }
            }
            Err(error) => {
                tracing::warn!("cannot read the progress of campaigns: {error}");
                for (_, channel) in &watched {
                    live.publish_old(channel);
                }
            }
        }
        drop(watched);
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep_until(asked + EVERY) => {}
        }
    }
    let mut topics = live.topics();
    topics.is_stopping = true;
    topics.channels.clear();
}

fn question(watched: &[(Topic, Channel)]) -> LiveQuestion {
    let mut question = LiveQuestion::default();
    for (topic, _) in watched {
        match topic {
            Topic::Campaign(id) => question.campaigns.push(*id),
            Topic::Running => question.all_running = true,
            Topic::Job(id) => question.jobs.push(*id),
        }
    }
    question
}

/// The progress of the campaigns, with rates from the samples before.
fn progress(
    speeds: &mut HashMap<i64, Speed>,
    campaigns: Vec<store::LiveCampaign>,
    at: Duration,
) -> Vec<CampaignProgress> {
    let present: BTreeSet<i64> = campaigns.iter().map(|campaign| campaign.campaign_id).collect();
    speeds.retain(|id, _| present.contains(id));
    let mut all = Vec::with_capacity(campaigns.len());
    for campaign in campaigns {
        let sent = requests(&campaign.counters);
        let before = speeds.get(&campaign.campaign_id).copied();
        let speed = before.map_or_else(|| Speed::begin(sent, at), |before| before.look(sent, at));
        speeds.insert(campaign.campaign_id, speed);
        all.push(CampaignProgress::of(campaign, speed));
    }
    all
}

fn state(topic: Topic, progress: &[CampaignProgress], answer: &LiveAnswer) -> State {
    let found = match topic {
        Topic::Campaign(CampaignId(id)) => {
            let campaign = progress.iter().find(|campaign| campaign.campaign_id == id);
            campaign.map(|campaign| State::Campaign(Box::new(campaign.clone())))
        }
        Topic::Running => {
            let is_running = |campaign: &&CampaignProgress| ["running", "paused"].contains(&&*campaign.state);
            Some(State::Running(progress.iter().filter(is_running).cloned().collect()))
        }
        Topic::Job(id) => {
            let job = answer.jobs.iter().find(|(found, _)| *found == id);
            job.and_then(|(_, job)| Job::deserialize(job).ok()).map(|job| State::Job(Box::new(job)))
        }
    };
    found.unwrap_or(State::Deleted)
}
