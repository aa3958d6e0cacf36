//! The `[policy]` section of a campaign file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::unknown::UnknownRule;
use crate::message::AssumedWindow;
use crate::pacing::rate::Rate;
use crate::time::deadline::Deadline;

/// The sending rules of one campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The most counted attempts for one recipient, including the first.
    pub max_attempts: u16,
    /// The first pause before another attempt if the provider names none; doubled for each further attempt, with
    /// jitter.
    #[serde(with = "humantime_serde")]
    pub retry_base: Duration,
    /// The longest pause between attempts.
    #[serde(with = "humantime_serde")]
    pub retry_cap: Duration,
    /// The rule for recipients that are still `unknown` after `unknown_after`.
    pub unknown: UnknownRule,
    /// How long a recipient is `unknown` before the rule applies, so that a delivery receipt can resolve it first.
    #[serde(with = "humantime_serde")]
    pub unknown_after: Duration,
    /// The assumption about the 24-hour window of recipients without a known inbound message. Required for a free-form
    /// flow.
    pub assume_window: Option<AssumedWindow>,
    /// The number of permanent refusals in a row that stops the campaign, because its message is probably wrong. Each
    /// worker counts its own.
    pub stop_after_refusals: u16,
    /// Weight of this campaign in the sender's rate, relative to its other running campaigns.
    pub weight: u16,
    /// A rate of the campaign, besides that of its sender. Its requests leave in groups of a tenth of a second.
    pub rate: Option<Rate>,
    /// The time after which the campaign sends nothing.
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
