//! The live parts of a page: each has a place in the page and its content.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::words::state::Clock;
use crate::words::time;

/// The place of the mark that says whether the numbers are the present ones.
pub(crate) const MARK: &str = "mark";
/// The place of what screen readers say.
pub(crate) const ANNOUNCEMENT: &str = "announcement";

/// The live parts of a page, by place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts(pub(crate) Vec<(String, Markup)>);

impl Parts {
    /// Adds a part.
    pub(crate) fn add(&mut self, place: impl Into<String>, content: Markup) {
        self.0.push((place.into(), content));
    }

    /// Adds what screen readers say, politely, whenever it changes.
    pub(crate) fn announce(&mut self, text: &str) {
        self.add(ANNOUNCEMENT, html! { (text) });
    }

    /// Adds the mark of a page that was read at the time of the clock.
    pub(crate) fn add_mark(&mut self, is_live: bool, clock: Clock<'_>) {
        self.add(MARK, mark(is_live, clock.now, clock));
    }

    /// All parts, as an answer.
    pub(crate) fn all(&self) -> Markup {
        html! { @for (place, content) in &self.0 { (partial(place, content)) } }
    }

    /// The content of a place.
    pub(crate) fn content(&self, place: &str) -> Markup {
        let found = self.0.iter().find(|(own, _)| own == place);
        found.map(|(_, content)| content.clone()).unwrap_or_default()
    }

    /// A part in its place in the page.
    pub(crate) fn slot(&self, place: &str) -> Markup {
        html! { div class="slot" id=(id(place)) { (self.content(place)) } }
    }

    /// A part in its place in a line of text.
    pub(crate) fn inline(&self, place: &str) -> Markup {
        html! { span id=(id(place)) { (self.content(place)) } }
    }
}

/// The id of a place in the page.
pub(crate) fn id(place: &str) -> String {
    format!("live-{place}")
}

/// A part as it is sent: htmx replaces the content of its place and keeps the focus.
pub(crate) fn partial(place: &str, content: &Markup) -> Markup {
    html! { hx-partial hx-target={ "#" (id(place)) } hx-swap="innerMorph" { (content) } }
}

/// The mark. Numbers that are not live are those of the last time that was read.
pub(crate) fn mark(is_live: bool, at: Timestamp, clock: Clock<'_>) -> Markup {
    let at = html! { time datetime=(at) { (time::clock_with_seconds(at, clock.zone)) } };
    html! {
        @if is_live { span class="is-live" { "Live · " (at) } }
        @else { span class="is-old" { "Not live since " (at) "; numbers may be old" } }
    }
}
