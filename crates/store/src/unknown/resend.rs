//! Resends to recipients that a campaign did not reach, by order of an operator. The new attempts are added to the old ones.
//!
//! The row of the campaign is locked first, as in `resolve.rs`; a finished campaign is resumed.

use std::sync::LazyLock;

use campaign::{CampaignId, CampaignState};
use jiff::Timestamp;

use crate::campaigns::finish_and_cancel::RUN_AGAIN;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::sql::expand;

/// The recipients to resend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendClass {
    /// Recipients that the provider refused permanently, or that were given up.
    Failed,
    /// Accepted recipients with a reported failure and no reported delivery.
    Undelivered,
}

impl ResendClass {
    /// The word of the command line, the API and the audit.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
        }
    }
}

/// Places of a list in one transaction.
const PAGE: i32 = 5_000;

pub(crate) static STEP: LazyLock<String> = LazyLock::new(|| expand(include_str!("resend.sql"), &[]));

impl Store {
    /// Resends to all recipients of a class, or to those with this code. Returns the number of recipients. With
    /// `unchanged_since`, recipients that changed after that time are left out; so an interrupted call can be repeated with the time of
    /// the first call, and resends to no recipient twice.
    pub async fn resend(
        &self,
        campaign: CampaignId,
        (class, code): (ResendClass, Option<&str>),
        (actor, reason): (&str, &str),
        unchanged_since: Option<Timestamp>,
    ) -> Result<u64, Error> {
        let lock = "
            select state, coalesce(deadline_at <= clock_timestamp(), false),
                coalesce(erased_at, archived_at) is not null, recipients
            from campaign where id = $1 for update";
        let undelivered = class == ResendClass::Undelivered;
        let mut client = self.own_client().await?;
        let (mut after, mut total) = (0_i32, 0);
        loop {
            let through = after.saturating_add(PAGE);
            let tx = client.transaction().await?;
            let row = tx.query_opt(lock, &[&campaign.0]).await?;
            let row = row.ok_or_else(|| Error::no_campaign(campaign))?;
            let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
            if let Some(why) = barrier(state, row.get(1), row.get(2)) {
                return Err(Error::Conflict(format!(
                    "campaign {campaign} {why}, its recipients are not sent to again"
                )));
            }
            let last: i32 = row.get(3);
            let row = tx
                .query_one(
                    &**STEP,
                    &[&campaign.0, &after, &undelivered, &code, &reason, &actor, &unchanged_since, &through],
                )
                .await?;
            let resent: i64 = row.get(0);
            if resent > 0 {
                tx.execute(RUN_AGAIN, &[&campaign.0]).await?;
            }
            tx.commit().await?;
            total += u64::try_from(resent).unwrap_or(0);
            if through >= last {
                return Ok(total);
            }
            after = through;
        }
    }
}

fn barrier(state: CampaignState, is_over: bool, is_erased: bool) -> Option<&'static str> {
    match state {
        CampaignState::Cancelled => Some("is cancelled"),
        CampaignState::Draft => Some("was never started"),
        _ if is_erased => Some("has no phone numbers any more because they are erased"),
        _ if is_over => Some("is past its deadline"),
        CampaignState::Running | CampaignState::Paused | CampaignState::Finished => None,
    }
}
