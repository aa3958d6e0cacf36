//! Icons: strokes of one set.

use maud::{Markup, html};

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Campaigns,
    Senders,
    Recipients,
    Activity,
    Settings,
}

/// Draws an icon. It has no meaning of its own: a word stands beside it.
pub(crate) fn icon(icon: Icon) -> Markup {
    html! {
        svg class="icon" viewBox="0 0 24 24" aria-hidden="true" {
            @match icon {
                Icon::Campaigns => { path d="M4 6h16M4 12h16M4 18h10" {} }
                Icon::Senders => { path d="M4 12l16-8-6 16-3-6z" {} }
                Icon::Recipients => {
                    circle cx="9" cy="8" r="3.5" {}
                    path d="M3 20c0-4 3-6 6-6s6 2 6 6M16 5a3.5 3.5 0 0 1 0 6M18 14c2 1 3 3 3 6" {}
                }
                Icon::Activity => { path d="M3 12h4l3-8 4 16 3-8h4" {} }
                Icon::Settings => {
                    circle cx="12" cy="12" r="3" {}
                    path d="M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2" {}
                }
            }
        }
    }
}

/// The logo with the name.
pub(crate) fn logo() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" {
            path d="M3 17c4 0 4-10 9-10s5 10 9 10" {}
            circle cx="21" cy="17" r="2" {}
        }
        "Flowcast"
    }
}
