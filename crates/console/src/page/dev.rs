//! Pages for developers and tests of the console; not in release builds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures::{Stream, StreamExt, stream};
use maud::{Markup, html};

use crate::frame;
use crate::page::components;
use crate::session::Console;
use crate::visit::Visit;

pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/dev/components", get(components::show))
        .route("/dev/live", get(live))
        .route("/dev/live/stream", get(ticks))
}

/// A page with a live part. The element with the attributes of htmx has the nonce; elements of live parts have none.
async fn live(visit: Visit) -> Markup {
    let content = html! {
        main id="main" class="bare" {
            h1 { "Live part" }
            p id="tick" { "waiting" }
            div hx-sse:connect="/dev/live/stream" hx-nonce=(visit.nonce) {}
            div id="without-nonce" hx-get="/dev/live/stream" hx-trigger="load" {}
        }
    };
    frame::document("Live part", &visit, true, &content)
}

/// Three messages without a name, each with one part.
async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let messages = stream::iter(1..=3).then(async |n| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let part = html! { hx-partial hx-target="#tick" hx-swap="innerHTML" { b { "tick " (n) } } };
        Ok(Event::default().id(n.to_string()).data(part.into_string()))
    });
    // The stream stays open, so that the browser does not connect again.
    Sse::new(messages.chain(stream::pending()))
}
