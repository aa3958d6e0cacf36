//! Badges: a state in a word, with a color.

use maud::{Markup, html};

use crate::words::Tone;

/// A badge.
pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (text) } }
}
