//! Timelines: what happened, the newest first.

use maud::{Markup, html};

use crate::words::Tone;

/// Something that happened.
pub(crate) struct Event {
    /// The time, as an element.
    pub(crate) at: Markup,
    /// The sentence.
    pub(crate) text: Markup,
    pub(crate) tone: Tone,
}

/// Draws events.
pub(crate) fn timeline(events: &[Event]) -> Markup {
    html! {
        ol class="timeline" {
            @for event in events { li class=[class(event.tone)] { (event.at) (event.text) } }
        }
    }
}

fn class(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Bad => Some("is-bad"),
        Tone::Warn => Some("is-warn"),
        Tone::Good | Tone::Info | Tone::Quiet => None,
    }
}
