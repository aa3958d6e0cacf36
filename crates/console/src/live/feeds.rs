//! The feeds of a process: one for each campaign that somebody looks at, and one for the list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use campaign::CampaignId;
use control::{Caller, CampaignPage, Control, Error, Live, Problem, Right};

use crate::live::campaign::{CampaignFeed, OneCampaign};
use crate::live::feed::{Feed, Frames};
use crate::live::limits::Streams;
use crate::live::list::{Campaigns, ListFeed};

/// A feed, and its frames.
pub(crate) type Followed<S> = (Arc<Feed<S>>, Frames<S>);

/// The feeds. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feeds {
    pub(crate) live: Live,
    pub(crate) streams: Streams,
    control: Control,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    campaigns: HashMap<i64, Arc<Feed<OneCampaign>>>,
    list: Option<Arc<Feed<Campaigns>>>,
}

impl Feeds {
    pub(crate) fn new(control: Control, live: Live) -> Self {
        Self { live, streams: Streams::default(), control, open: Arc::default() }
    }

    fn open<T>(&self, with: impl FnOnce(&mut Open) -> T) -> T {
        with(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The feed of a campaign that has a frame which the caller may see.
    pub(crate) fn latest(&self, caller: &Caller, id: CampaignId) -> Option<Arc<Feed<OneCampaign>>> {
        let feed = self.open(|open| open.campaigns.get(&id.0).cloned())?;
        let is_seen =
            |page: &CampaignPage| caller.rights.has(Right::View) && caller.may_use(&page.report.sender);
        let frame = feed.latest()?;
        frame.shown.0.as_ref().is_some_and(is_seen).then_some(feed)
    }

    /// Follows a campaign that the caller may see.
    pub(crate) async fn follow(
        &self,
        caller: &Caller,
        id: CampaignId,
    ) -> Result<Followed<OneCampaign>, Error> {
        let watch = match self.live.watch_campaign(&self.control, caller, id).await {
            Ok(watch) => watch,
            // While PostgreSQL does not answer, the last frame is shown to people who may see its sender.
            Err(error) if error.problem() == Problem::Unavailable => {
                let feed = self.latest(caller, id).ok_or(error)?;
                let frames = feed.follow();
                return Ok((feed, frames));
            }
            Err(error) => return Err(error),
        };
        let (feed, frames, is_new) = self.open(|open| {
            let is_new = !open.campaigns.contains_key(&id.0);
            let feed = Arc::clone(open.campaigns.entry(id.0).or_insert_with(|| Arc::new(Feed::new())));
            let frames = feed.follow();
            (feed, frames, is_new)
        });
        if is_new {
            let (feeds, feed) = (self.clone(), Arc::clone(&feed));
            let of = Arc::clone(&feed);
            let task = CampaignFeed { feed, control: self.control.clone(), id };
            let is_over = move || {
                feeds.open(|open| {
                    // The last numbers are kept while PostgreSQL does not answer.
                    let is_over = of.is_unused() && of.latest().is_none_or(|frame| frame.is_live);
                    if is_over {
                        open.campaigns.remove(&id.0);
                    }
                    is_over
                })
            };
            let feeds = self.clone();
            tokio::spawn(async move {
                Box::pin(task.run(watch, is_over)).await;
                feeds.open(|open| open.campaigns.remove(&id.0));
            });
        }
        Ok((feed, frames))
    }

    /// Follows the list.
    pub(crate) async fn follow_list(&self, caller: &Caller) -> Result<Followed<Campaigns>, Error> {
        // The right of the person is checked; the feed itself reads everything.
        drop(self.live.watch_running(&self.control, caller).await?);
        let (feed, frames, is_new) = self.open(|open| {
            let is_new = open.list.is_none();
            let feed = Arc::clone(open.list.get_or_insert_with(|| Arc::new(Feed::new())));
            let frames = feed.follow();
            (feed, frames, is_new)
        });
        if is_new {
            let watch = self.live.watch_running(&self.control, &Caller::command("console")).await?;
            let (feeds, of) = (self.clone(), Arc::clone(&feed));
            let task = ListFeed { feed: Arc::clone(&feed), control: self.control.clone() };
            let is_over = move || {
                feeds.open(|open| {
                    let is_over = of.is_unused();
                    if is_over {
                        open.list = None;
                    }
                    is_over
                })
            };
            let feeds = self.clone();
            tokio::spawn(async move {
                task.run(watch, is_over).await;
                feeds.open(|open| open.list = None);
            });
        }
        Ok((feed, frames))
    }
}
