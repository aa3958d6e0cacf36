//! Labels and sentences. Every text that people read about states and times is here.

pub(crate) mod agent;
pub(crate) mod number;
pub(crate) mod time;

/// The meaning of a color. A word always stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// In progress, or as it should be.
    Good,
    /// Stopped or failed.
    Bad,
    /// Paused, or to be decided by a person.
    Warn,
    /// Planned.
    Info,
    /// Over, or not begun.
    Quiet,
}

impl Tone {
    /// All meanings.
    pub(crate) const ALL: [Self; 5] = [Self::Good, Self::Bad, Self::Warn, Self::Info, Self::Quiet];

    /// The class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Quiet => "quiet",
        }
    }
}
