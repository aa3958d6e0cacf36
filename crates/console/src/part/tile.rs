//! Tiles: one number with its label.

use maud::{Markup, html};

use crate::words::Tone;

/// A number with its label and a remark.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
    /// The page with the people behind the number.
    pub(crate) link: Option<String>,
    /// Bad and warn color the number.
    pub(crate) tone: Tone,
}

impl Tile {
    pub(crate) fn new(label: &'static str, value: String, note: impl Into<String>) -> Self {
        Self { label, value, note: note.into(), link: None, tone: Tone::Quiet }
    }

    /// The same as a link, if the number is not 0.
    pub(crate) fn linked(self, address: String) -> Self {
        Self { link: (self.value != "0").then_some(address), ..self }
    }

    /// The same with a color, if the number is not 0.
    pub(crate) fn toned(self, tone: Tone, n: i64) -> Self {
        Self { tone: if n > 0 { tone } else { Tone::Quiet }, ..self }
    }
}

/// Draws tiles beside each other.
pub(crate) fn tiles(tiles: &[Tile]) -> Markup {
    html! {
        dl class="tiles" {
            @for tile in tiles {
                div class={ "tile" (class(tile.tone)) } {
                    dt { (tile.label) }
                    dd class="value" { @if let Some(address) = &tile.link { a href=(address) { (tile.value) } } @else { (tile.value) } }
                    dd class="note-line" { (tile.note) }
                }
            }
        }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => " is-bad",
        Tone::Warn => " is-warn",
        Tone::Good | Tone::Info | Tone::Quiet => "",
    }
}
