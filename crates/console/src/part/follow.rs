//! How a page follows its live parts: the stream, the mark, and the control that pauses updates.

use maud::{Markup, html};

use crate::part::parts::{ANNOUNCEMENT, MARK, Parts, id};
use crate::visit::Visit;

/// Where the live parts of a page come from.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// The address of the stream.
    pub(crate) stream: String,
    /// The address of all parts, for a page without a stream.
    pub(crate) parts: String,
}

impl Follow {
    /// The element that opens the stream; without JavaScript it does nothing.
    pub(crate) fn connect(&self, visit: &Visit) -> Markup {
        html! {
            div id="live" hidden hx-sse:connect=(self.stream) hx-swap="none" hx-nonce=(visit.nonce) data-parts=(self.parts)
                hx-config=r#"{"sse":{"reconnectDelay":"500ms","reconnectMaxDelay":"3s"}}"# {}
        }
    }
}

/// The mark and the control, in the frame of the page. What the mark says comes with the parts.
pub(crate) fn live_state(parts: &Parts) -> Markup {
    html! {
        div class="live" id="live-state" {
            (parts.inline(MARK))
            button type="button" class="small" id="pause-updates" aria-pressed="false" hidden { "Pause updates" }
            p class="sr" id=(id(ANNOUNCEMENT)) role="status" aria-live="polite" { (parts.content(ANNOUNCEMENT)) }
        }
    }
}
