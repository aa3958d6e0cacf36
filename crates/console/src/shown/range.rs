//! How much of the time of a campaign a chart shows.

use jiff::{Span, Timestamp};
use serde::Deserialize;

/// The range of the chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub(crate) enum Range {
    #[serde(rename = "15m")]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    SixHours,
    #[default]
    #[serde(rename = "all")]
    All,
}

impl Range {
    pub(crate) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Quarter, "15m", "15 min"),
        (Self::Hour, "1h", "1 h"),
        (Self::SixHours, "6h", "6 h"),
        (Self::All, "all", "All"),
    ];

    /// The value in the address.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(own, ..)| *own == self).map_or("all", |(_, word, _)| word)
    }

    /// The beginning of the range; `None`: of the campaign.
    pub(crate) fn begin(self, now: Timestamp) -> Option<Timestamp> {
        let span = match self {
            Self::Quarter => Span::new().minutes(15),
            Self::Hour => Span::new().hours(1),
            Self::SixHours => Span::new().hours(6),
            Self::All => return None,
        };
        now.checked_sub(span).ok()
    }
}
