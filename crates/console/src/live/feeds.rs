//! The feeds of a process: one for each campaign that somebody looks at, and one for the list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::CampaignId;
use control::{Caller, CampaignPage, Control, Error, Live, Right};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::live::campaign::{CampaignFeed, OneCampaign};
use crate::live::feed::{Feed, Frame, Frames};
use crate::live::limits::Streams;
use crate::live::list::{Campaigns, ListFeed};

/// A feed, and its frames.
pub(crate) type Followed<S> = (Arc<Feed<S>>, Frames<S>);

/// A process keeps the last frame of a campaign without a feed for this time. Pages show it while PostgreSQL does not answer.
const KEPT: Duration = Duration::from_mins(5);
/// The most frames that are kept.
const MOST: usize = 256;

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
    /// The last frames of campaigns without a feed, with the time at which they were kept.
    kept: HashMap<i64, (Instant, Arc<Frame<OneCampaign>>)>,
    list: Option<Arc<Feed<Campaigns>>>,
}

impl Open {
    /// Ends this feed of a campaign, and keeps its last frame. A feed that was opened after it goes on.
    fn end(&mut self, id: i64, feed: &Arc<Feed<OneCampaign>>, now: Instant) {
        if !self.campaigns.get(&id).is_some_and(|open| Arc::ptr_eq(open, feed)) {
            return;
        }
        let last = self.campaigns.remove(&id).and_then(|feed| feed.latest());
        if let Some(last) = last {
            self.keep(id, last, now);
        }
    }

    /// Keeps this frame of a campaign.
    fn keep(&mut self, id: i64, frame: Arc<Frame<OneCampaign>>, now: Instant) {
        self.kept.retain(|_, (at, _)| now.duration_since(*at) < KEPT);
        self.kept.insert(id, (now, frame));
        if self.kept.len() > MOST {
            let oldest = self.kept.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| *id);
            oldest.and_then(|id| self.kept.remove(&id));
        }
    }

    /// Ends this feed of the list.
    fn end_list(&mut self, feed: &Arc<Feed<Campaigns>>) {
        self.list.take_if(|open| Arc::ptr_eq(open, feed));
    }

    /// The last frame of a campaign.
    fn latest(&self, id: i64, now: Instant) -> Option<Arc<Frame<OneCampaign>>> {
        let open = self.campaigns.get(&id).and_then(|feed| feed.latest());
        let kept = self.kept.get(&id).filter(|(at, _)| now.duration_since(*at) < KEPT);
        open.or_else(|| kept.map(|(_, frame)| Arc::clone(frame)))
    }
}

impl Feeds {
    pub(crate) fn new(control: Control, live: Live) -> Self {
        Self { live, streams: Streams::default(), control, open: Arc::default() }
    }

    fn open<T>(&self, with: impl FnOnce(&mut Open) -> T) -> T {
        with(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last frame of a campaign, if the caller may see it.
    pub(crate) fn latest(&self, caller: &Caller, id: CampaignId) -> Option<Arc<Frame<OneCampaign>>> {
        let is_seen =
            |page: &CampaignPage| caller.rights.has(Right::View) && caller.may_use(&page.report.sender);
        let frame = self.open(|open| open.latest(id.0, Instant::now()))?;
        frame.shown.0.as_ref().is_some_and(is_seen).then_some(frame)
    }

    /// Keeps what a page shows as the last frame of its campaign, until a stream opens a feed.
    pub(crate) fn keep(&self, id: CampaignId, page: &CampaignPage, at: Timestamp) {
        let now = Instant::now();
        let shown = Arc::new(OneCampaign(Some(page.clone())));
        let frame = Frame { number: 0, at, is_live: true, read_at: now, shown };
        self.open(|open| open.keep(id.0, Arc::new(frame), now));
    }

    /// Follows a campaign that the caller may see.
    pub(crate) async fn follow(
        &self,
        caller: &Caller,
        id: CampaignId,
    ) -> Result<Followed<OneCampaign>, Error> {
        let watch = self.live.watch_campaign(&self.control, caller, id).await?;
        let (feed, frames, is_new) = self.open(|open| {
            let is_new = !open.campaigns.contains_key(&id.0);
            let feed = Arc::clone(open.campaigns.entry(id.0).or_insert_with(|| Arc::new(Feed::new())));
            let frames = feed.follow();
            (feed, frames, is_new)
        });
        if is_new {
            let (feeds, of) = (self.clone(), Arc::clone(&feed));
            let task = CampaignFeed { feed: Arc::clone(&feed), control: self.control.clone(), id };
            let is_over = move || {
                feeds.open(|open| {
                    let is_over = of.is_unused();
                    if is_over {
                        open.end(id.0, &of, Instant::now());
                    }
                    is_over
                })
            };
            let (feeds, feed) = (self.clone(), Arc::clone(&feed));
            tokio::spawn(async move {
                Box::pin(task.run(watch, is_over)).await;
                feeds.open(|open| open.end(id.0, &feed, Instant::now()));
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
                        open.end_list(&of);
                    }
                    is_over
                })
            };
            let (feeds, feed) = (self.clone(), Arc::clone(&feed));
            tokio::spawn(async move {
                task.run(watch, is_over).await;
                feeds.open(|open| open.end_list(&feed));
            });
        }
        Ok((feed, frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(open: &mut Open) -> Arc<Feed<OneCampaign>> {
        let feed = Arc::new(Feed::new());
        feed.publish(Arc::new(OneCampaign(None)), Timestamp::UNIX_EPOCH, Instant::now());
        open.campaigns.insert(7, Arc::clone(&feed));
        feed
    }

    #[test]
    fn the_last_frame_is_kept_when_nobody_follows_any_more() {
        let (mut open, now) = (Open::default(), Instant::now());
        let feed = opened(&mut open);
        open.end(7, &feed, now);
        assert!(open.campaigns.is_empty() && open.latest(7, now).is_some());
        assert!(open.latest(8, now).is_none() && open.latest(7, now + KEPT).is_none());
    }

    #[test]
    fn the_oldest_frame_makes_room_for_a_new_one() {
        let (mut open, begun) = (Open::default(), Instant::now());
        let frame = opened(&mut open).latest().unwrap();
        let mut kept_at = begun;
        for id in (100..).take(MOST + 1) {
            kept_at += Duration::from_millis(1);
            open.keep(id, Arc::clone(&frame), kept_at);
        }
        let now = begun + Duration::from_secs(1);
        assert!(open.latest(100, now).is_none() && open.latest(101, now).is_some());
    }

    #[test]
    fn the_end_of_a_feed_does_not_end_the_one_that_was_opened_after_it() {
        let (mut open, now) = (Open::default(), Instant::now());
        let first = opened(&mut open);
        open.end(7, &first, now);
        let second = opened(&mut open);
        open.end(7, &first, now);
        assert!(Arc::ptr_eq(&open.campaigns[&7], &second));
    }
}
