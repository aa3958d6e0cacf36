//! Volumes: a volume contains the rows of up to 10,000 campaigns, so that the number of tables does not grow with the number of
//! campaigns.
//!
//! Volume 7 contains campaigns 70,000 to 79,999 in `recipient_v7`, `recipient_number_v7`, `attempt_v7`, `receipt_v7` and
//! `flow_answer_v7` (`migrations/V23__volumes.sql`, docs/adr/0013). Volumes are rotated by age and size; the tables of the next
//! volume are created in advance. A volume is dropped when all its campaigns are archived.

use std::time::Duration;

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Campaign ids per volume; the same constant as `campaigns_of_volume()` in the database.
const CAMPAIGNS: i64 = 10_000;

/// The partitioned tables, in the order in which the rows of a campaign are deleted. `recipient` is last, because rows of
/// `recipient_number` are found by its numbers.
pub(crate) const TABLES: [&str; 5] = ["flow_answer", "receipt", "attempt", "recipient_number", "recipient"];

/// The limits at which volumes are rotated.
#[derive(Clone, Copy, Debug)]
pub struct VolumeLimits {
    /// Recipients in the current volume.
    pub recipients: i64,
    /// Age of the first campaign of the current volume.
    pub age: Duration,
}

impl Default for VolumeLimits {
    /// 20 million recipients or 30 days.
    fn default() -> Self {
        Self { recipients: 20_000_000, age: Duration::from_hours(30 * 24) }
    }
}

/// The number of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume(pub(crate) i64);

impl Volume {
    /// The volume of this campaign.
    pub(crate) const fn of(campaign: CampaignId) -> Self {
        Self(campaign.0 / CAMPAIGNS)
    }

    /// The range of its campaign ids: the first id, and the first id of the next volume.
    pub(crate) const fn ids(self) -> (i64, i64) {
        (self.0 * CAMPAIGNS, (self.0 + 1) * CAMPAIGNS)
    }

    /// The name of one of its tables.
    pub(crate) fn table(self, of: &str) -> String {
        format!("{of}_v{}", self.0)
    }
}

/// A statement about one campaign, whose id is parameter `parameter`: replaces `{{campaign}}`.
pub(crate) fn of_campaign(parameter: u8, statement: &str) -> String {
    statement.replace("{{campaign}}", &format!("${parameter}::bigint"))
}

/// The text of a statement for the volume of a campaign: replaces `{{volume}}` by its number, and `{{first}}` and `{{last}}` by the
/// ids that it holds.
///
/// These are not parameters, because a cached generic plan would open and lock the tables of all volumes. So a connection keeps
/// one plan for all campaigns of a volume.
pub(crate) fn written_for(campaign: CampaignId, statement: &str) -> String {
    let volume = Volume::of(campaign);
    let (first, next) = volume.ids();
    statement
        .replace("{{volume}}", &volume.0.to_string())
        .replace("{{first}}", &first.to_string())
        .replace("{{last}}", &(next - 1).to_string())
}

impl Store {
    /// Begins the next volume if the current volume has reached a limit, and creates the tables of the volume after it. To be
    /// called about once an hour; concurrent calls are safe. Waits at most two seconds for locks.
    pub async fn rotate_volume(&self, limits: VolumeLimits) -> Result<(), Error> {
        let turn = "select rotate_volume($1, $2 * interval '1 second')";
        self.client().await?.execute(turn, &[&limits.recipients, &limits.age.as_secs_f64()]).await?;
        Ok(())
    }
}
