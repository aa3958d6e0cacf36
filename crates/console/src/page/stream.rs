//! Streams of server-sent events with the live parts of a page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use campaign::CampaignId;
use control::Guard;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::live::feed::{Drawing, Feed, Frames, Shown};
use crate::live::feeds::Followed;
use crate::live::limits::Permit;
use crate::page::campaign::Asked;
use crate::part::parts::{ANNOUNCEMENT, MARK};
use crate::session::Console;
use crate::shown::campaigns as parts;
use crate::viewer::Viewer;

/// A comment is sent after this time without a message, so that proxies keep the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The time after which a stream ends, ± 20 %, so that browsers do not reconnect at the same time.
const LONGEST: Duration = Duration::from_mins(10);

/// `GET /campaigns/ID/live`
pub(crate) async fn campaign(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let permit = admit(&console, &viewer)?;
    let followed = console.feeds.follow(&viewer.caller, CampaignId(id)).await?;
    Ok(answer(&console, viewer, permit, (followed, asked.range), None))
}

/// Which rows of the list are shown.
#[derive(Deserialize)]
pub(crate) struct Rows {
    /// Ids of campaigns, with commas between.
    #[serde(default)]
    ids: String,
}

/// `GET /campaigns/live?ids=…`
pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(rows): Query<Rows>,
) -> Result<Response, Failure> {
    let permit = admit(&console, &viewer)?;
    let followed = console.feeds.follow_list(&viewer.caller).await?;
    let seen = viewer.caller.senders.as_ref().map(|senders| senders.iter().cloned().collect());
    let ids: Vec<&str> = rows.ids.split(',').take(control::MAX_LIMIT as usize).collect();
    let mut places = parts::places(&ids);
    places.extend([MARK.to_owned(), ANNOUNCEMENT.to_owned()]);
    Ok(answer(&console, viewer, permit, (followed, seen), Some(places)))
}

fn admit(console: &Console, viewer: &Viewer) -> Result<Permit, Failure> {
    let session = viewer.caller.session.map_or(0, |session| session.id);
    console.feeds.streams.admit(session).ok_or_else(|| {
        Failure::unavailable("too many live pages are open; close some of them, or reload this one", 60)
    })
}

fn answer<S: Shown>(
    console: &Console,
    viewer: Viewer,
    permit: Permit,
    ((feed, frames), view): (Followed<S>, S::View),
    places: Option<Vec<String>>,
) -> Response {
    let stream = Stream {
        guard: console.feeds.live.guard(&console.control, &viewer.caller),
        // The parts of a list are small: the next sample mends them.
        after: places.is_none().then(Instant::now),
        until: Instant::now() + LONGEST.mul_f64(fastrand::f64().mul_add(0.4, 0.8)),
        zone: viewer.zone,
        seen: 0,
        _permit: permit,
        feed,
        frames,
        view,
        places,
    };
    let events = futures::stream::unfold(stream, Stream::next);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response();
    // Proxies must not collect events.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// An open stream.
struct Stream<S: Shown> {
    feed: Arc<Feed<S>>,
    frames: Frames<S>,
    view: S::View,
    zone: TimeZone,
    /// The places that the page has; `None`: all.
    places: Option<Vec<String>>,
    /// A frame that was read before is older than the page.
    after: Option<Instant>,
    /// The last frame that was sent.
    seen: u64,
    until: Instant,
    guard: Guard,
    _permit: Permit,
}

impl<S: Shown> Stream<S> {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            tokio::select! {
                () = self.guard.ended() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                changed = self.frames.changed() => changed.ok()?,
            }
            let Some(frame) = self.frames.borrow_and_update().clone() else { continue };
            if frame.is_live && self.after.is_some_and(|after| frame.read_at < after) {
                continue;
            }
            let drawing = self.feed.draw(&frame, &self.view, &self.zone);
            let data = self.changed(&drawing);
            self.seen = drawing.number;
            if !data.is_empty() {
                let event = Event::default().id(drawing.number.to_string()).data(data);
                return Some((Ok(event), self));
            }
        }
    }

    /// The parts that changed since the last message.
    fn changed(&self, drawing: &Drawing) -> String {
        let is_shown = |place: &String| self.places.as_ref().is_none_or(|places| places.contains(place));
        let parts = drawing.parts.iter().filter(|part| part.since > self.seen && is_shown(&part.place));
        parts.map(|part| String::from_utf8_lossy(&part.bytes)).collect()
    }
}
