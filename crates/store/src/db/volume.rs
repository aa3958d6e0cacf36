//! Volumes: each holds the rows of up to 10,000 campaigns, so that the number of tables does not grow with the number of campaigns.
//!
//! Volume 7 holds campaigns 70,000 to 79,999 in `recipient_v7`, `recipient_number_v7`, `attempt_v7`, `receipt_v7` and
//! `flow_answer_v7` (`migrations/V23__volumes.sql`, docs/adr/0013). Volumes are rotated by age and size; the tables of the next
//! volume are created ahead of time. A volume is dropped when all its campaigns are archived.

use std::time::Duration;

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Campaign ids of one volume; the same constant as `campaigns_of_volume()` of the database.
const CAMPAIGNS: i64 = 10_000;

/// The partitioned tables, in the order in which a campaign's rows are deleted: `recipient` last, because it has the numbers by which rows of
/// `recipient_number` are found.
pub(crate) const TABLES: [&str; 5] = ["flow_answer", "receipt", "attempt", "recipient_number", "recipient"];

/// When volumes are rotated.
#[derive(Clone, Copy, Debug)]
pub struct VolumeLimits {
    /// If the current volume holds this many recipients.
    pub recipients: i64,
    /// If the first campaign of the current volume is older.
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
    /// The volume that holds the rows of this campaign.
    pub(crate) const fn of(campaign: CampaignId) -> Self {
        Self(campaign.0 / CAMPAIGNS)
    }

    /// The range of its campaign ids: the first one, and the first one of the next volume.
    pub(crate) const fn ids(self) -> (i64, i64) {
        (self.0 * CAMPAIGNS, (self.0 + 1) * CAMPAIGNS)
    }

    /// The name of one of its tables.
    pub(crate) fn table(self, of: &str) -> String {
        format!("{of}_v{}", self.0)
    }
}

/// The text of a statement about one campaign, ready to be prepared: `{{campaign}}` becomes the campaign's id, and `recipient_v{{volume}}`
/// the table of its volume.
///
/// The id is not a parameter, because a cached generic plan would then open and lock the tables of all volumes.
pub(crate) fn written_for(campaign: CampaignId, statement: &str) -> String {
    let Volume(volume) = Volume::of(campaign);
    statement
        .replace("{{volume}}", &volume.to_string())
        .replace("{{campaign}}", &format!("{}::bigint", campaign.0))
}

impl Store {
    /// Lets new campaigns belong to the next volume if the current one has reached a limit, and creates the tables of the volume after
    /// the current one. To be called about once an hour; concurrent calls are safe. Waits at most two seconds for locks.
    pub async fn rotate_volume(&self, limits: VolumeLimits) -> Result<(), Error> {
        let turn = "select rotate_volume($1, $2 * interval '1 second')";
        self.client().await?.execute(turn, &[&limits.recipients, &limits.age.as_secs_f64()]).await?;
        Ok(())
    }
}
