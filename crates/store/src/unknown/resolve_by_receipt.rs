//! Resolves recipients by receipts: recipients that are `unknown`, wait for a retry, or are `pending`, while the provider reports that
//! it has the message. A `pending` recipient was sent to if PostgreSQL lost the commit of its claim.
//!
//! `receipt_to_resolve` lists recipients with a receipt or an answer that are not recorded as `accepted`. So an early receipt
//! resolves a recipient that becomes `unknown` later, and no statement reads a long list.
//!
//! **Invariants.**
//! - A recipient leaves the list when no stored receipt can resolve it: it is resolved, its state is final, or it is `unknown`
//!   and its receipts do not concern its last attempt. A new receipt lists it again.
//! - A look that changes nothing is repeated after a pause that grows with the time since the listing, up to a minute. So the
//!   cost per second does not grow with the number of waiting campaigns.
//! - When a recipient leaves the list, its answers get the time at which the message was sent.

use std::sync::LazyLock;

use campaign::{CampaignId, Seq};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};

/// Looks at the next thousand listed recipients of a campaign. A failure does not concern other attempts, so it resolves only
/// recipients with one attempt, or none if they are `pending`. Skipped and looked at again: a recipient that its worker records just now, and a row that a
/// receipt lists again just now (`look_at`), because that receipt may not be visible. Rows are locked in one order, without
/// waiting.
pub(crate) static STEP: LazyLock<String> =
    LazyLock::new(|| of_campaign(2, &expand(include_str!("resolve_by_receipt.sql"), &[])));

/// Looks at all listed recipients of one campaign. Returns the number of resolved recipients.
pub(crate) async fn resolve_listed(tx: &Transaction<'_>, campaign: CampaignId) -> Result<u64, Error> {
    let (mut total, mut from) = (0, Some(Seq(0)));
    while let Some(after) = from {
        let resolved;
        (resolved, from) = step(tx, campaign, after).await?;
        total += resolved;
    }
    Ok(total)
}

/// Looks at the next part of the list. Returns the number of resolved recipients, and the last recipient if there may be more.
async fn step(tx: &Transaction<'_>, campaign: CampaignId, after: Seq) -> Result<(u64, Option<Seq>), Error> {
    let prepared = tx.prepare_cached(&written_for(campaign, &STEP)).await?;
    let row = tx.query_one(&prepared, &[&after.0, &campaign.0]).await?;
    let resolved = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
    Ok((resolved, row.get::<_, Option<i32>>(1).map(Seq)))
}

impl Store {
    /// Campaigns with listed recipients whose pause is over.
    pub async fn campaigns_to_resolve_by_receipt(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select distinct campaign_id from receipt_to_resolve where look_at <= clock_timestamp()";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Resolves all listed recipients of a campaign by receipts, a thousand per transaction. Returns the number of resolved
    /// recipients.
    pub async fn resolve_by_receipts(&self, campaign: CampaignId) -> Result<u64, Error> {
        let mut client = self.client().await?;
        let (mut total, mut from) = (0, Some(Seq(0)));
        while let Some(after) = from {
            let tx = client.transaction().await?;
            let resolved;
            (resolved, from) = step(&tx, campaign, after).await?;
            tx.commit().await?;
            total += resolved;
        }
        Ok(total)
    }
}
