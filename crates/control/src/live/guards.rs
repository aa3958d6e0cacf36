//! Streams of people and programs who may not read any more are ended.
//!
//! **Invariant.** One statement every few seconds asks for all sessions and API keys that have streams, however many there are.
//! Without streams there is none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::{Store, StreamHolders, ValidHolders};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::access::caller::{ActorKind, Caller};
use crate::control::Control;
use crate::live::sampler::Live;

/// The time between two statements. A stream ends at most twice this time after the end of its session or key.
const EVERY: Duration = Duration::from_secs(4);

/// Who holds a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Session(i64),
    Key(String),
}

/// A holder with open streams.
struct Held {
    /// `true`: the streams end.
    ended: watch::Sender<bool>,
    /// The rights at the first look.
    rights: Option<String>,
    /// A session without a request for this time is not valid.
    idle: Duration,
}

/// All holders of a process.
#[derive(Default)]
pub(crate) struct Guards {
    held: Mutex<Holders>,
    /// The first holder wakes the task.
    woken: Notify,
}

#[derive(Default)]
struct Holders {
    by_holder: HashMap<Holder, Held>,
    is_stopping: bool,
}

/// Tells a stream when its session or API key is not valid any more, or has other rights.
#[derive(Clone, Debug)]
pub struct Guard(Option<watch::Receiver<bool>>);

impl Guard {
    /// Returns when the stream has to end; never for a command.
    pub async fn ended(&mut self) {
        match &mut self.0 {
            // An error: the process is stopping.
            Some(ended) => drop(ended.wait_for(|ended| *ended).await),
            None => std::future::pending().await,
        }
    }
}

impl Live {
    /// Guards a stream of this caller.
    pub fn guard(&self, control: &Control, caller: &Caller) -> Guard {
        let holder = match (&caller.session, caller.actor.kind) {
            (Some(session), _) => Holder::Session(session.id),
            (None, ActorKind::ApiKey) => Holder::Key(caller.actor.name.clone()),
            (None, ActorKind::Account | ActorKind::Command) => return Guard(None),
        };
        let guards = self.guards();
        let mut holders = guards.lock();
        if holders.is_stopping {
            return Guard(Some(watch::channel(true).1));
        }
        let held = holders.by_holder.entry(holder).or_insert_with(|| Held {
            ended: watch::channel(false).0,
            rights: None,
            idle: control.log_ins.idle,
        });
        let ended = held.ended.subscribe();
        drop(holders);
        guards.woken.notify_one();
        Guard(Some(ended))
    }
}

impl Guards {
    fn lock(&self) -> MutexGuard<'_, Holders> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The holders whose streams are open, and the idle time of sessions; the others are forgotten.
    fn open(&self) -> Option<(StreamHolders, Duration)> {
        let mut holders = self.lock();
        holders.by_holder.retain(|_, held| held.ended.receiver_count() > 0);
        let idle = holders.by_holder.values().map(|held| held.idle).max()?;
        let mut open = StreamHolders::default();
        for holder in holders.by_holder.keys() {
            match holder {
                Holder::Session(id) => open.sessions.push(*id),
                Holder::Key(id) => open.keys.push(id.clone()),
            }
        }
        Some((open, idle))
    }

    /// Ends the streams of holders that were asked for and are not valid, or have other rights than before.
    fn judge(&self, asked: StreamHolders, valid: ValidHolders) {
        let sessions = valid.sessions.into_iter().map(|(id, rights)| (Holder::Session(id), rights));
        let keys = valid.keys.into_iter().map(|(id, rights)| (Holder::Key(id), rights));
        let valid: HashMap<Holder, String> = sessions.chain(keys).collect();
        let asked =
            asked.sessions.into_iter().map(Holder::Session).chain(asked.keys.into_iter().map(Holder::Key));
        let mut holders = self.lock();
        for holder in asked {
            let Some(held) = holders.by_holder.get_mut(&holder) else { continue };
            let rights = valid.get(&holder);
            let is_same =
                rights.is_some_and(|rights| held.rights.as_ref().is_none_or(|before| before == rights));
            if is_same {
                held.rights = rights.cloned();
            } else {
                held.ended.send_replace(true);
                // A later stream begins with the rights of its time.
                holders.by_holder.remove(&holder);
            }
        }
    }
}

/// Asks until `shutdown`, which ends all streams.
pub(crate) async fn run(guards: Arc<Guards>, store: Store, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let Some((open, idle)) = guards.open() else {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = guards.woken.notified() => continue,
            }
        };
        match store.valid_holders(&open, idle).await {
            Ok(valid) => guards.judge(open, valid),
            // The streams go on and say that their state is old.
            Err(error) => tracing::warn!("cannot check the sessions and API keys of open streams: {error}"),
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    let mut holders = guards.lock();
    holders.is_stopping = true;
    holders.by_holder.clear();
}
