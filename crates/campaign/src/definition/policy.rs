//! The `[policy]` section of a campaign file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::unknown::UnknownRule;
use crate::message::AssumedWindow;
use crate::pacing::rate::Rate;
use crate::time::deadline::Deadline;

/// The rules of sending of one campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How many requests one recipient may cost, the first one included.
    pub max_attempts: u16,
    /// The first pause before another attempt where the provider names none; doubled each time, with jitter.
    #[serde(with = "humantime_serde")]
    pub retry_base: Duration,
    /// The longest such pause.
    #[serde(with = "humantime_serde")]
    pub retry_cap: Duration,
    /// What becomes of recipients the provider may or may not have taken.
    pub unknown: UnknownRule,
    /// How long after they became unknown that is decided, so that a receipt may come first.
    #[serde(with = "humantime_serde")]
    pub unknown_after: Duration,
    /// What is taken for granted of the 24-hour window of recipients nobody heard from. A free-form flow needs it said.
    pub assume_window: Option<AssumedWindow>,
    /// How many refusals for good in a row stop the campaign: its message is probably wrong. Each worker counts its own.
    pub stop_after_refusals: u16,
    /// Share of the sender's rate among its running campaigns.
    pub weight: u16,
    /// The campaign's own rate, besides its sender's. Its requests leave in bunches of a tenth of a second.
    pub rate: Option<Rate>,
    /// When it ends at the latest.
    pub deadline: Option<Deadline>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            retry_base: Duration::from_secs(30),
            retry_cap: Duration::from_mins(15),
            unknown: UnknownRule::Leave,
            unknown_after: Duration::from_hours(24),
            assume_window: None,
            stop_after_refusals: 25,
            weight: 1,
            rate: None,
            deadline: None,
        }
    }
}
