//! Labels and sentences. Every text that people read about states and times is here.

pub(crate) mod action;
pub(crate) mod agent;
pub(crate) mod answer;
pub(crate) mod attempt;
pub(crate) mod country;
pub(crate) mod kind;
pub(crate) mod number;
pub(crate) mod provider;
pub(crate) mod recipient;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod suppression;
pub(crate) mod time;
pub(crate) mod waiting;

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
    /// All meanings, for the page of components.
    #[cfg(debug_assertions)]
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

/// A text with a capital letter at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
