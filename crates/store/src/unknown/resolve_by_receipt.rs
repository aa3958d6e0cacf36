//! Settling by receipts: recipients that are unknown, or are to be sent to again, and of whom the provider says that it has the
//! message.
//!
//! `receipt_to_settle` lists recipients of whom a receipt or an answer came while they were not recorded as accepted, so that an early
//! receipt settles a recipient that becomes unknown later, and nobody reads a long list.
//!
//! **Invariants.**
//! - A recipient leaves the list when nothing that is stored can settle it: it is settled, its state is final, or it is unknown and its
//!   receipts say nothing of its last attempt. A new receipt lists it again.
//! - A look that changes nothing is repeated after a pause that grows with the time since the listing, up to a minute. So the
//!   cost a second does not grow with the number of campaigns that wait.
//! - When a recipient leaves the list, its answers get the time at which the message left.

use std::sync::LazyLock;

use campaign::{CampaignId, Seq};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::db::volume::written_for;

/// Looks at the next thousand of a campaign's list. A failure says nothing of another attempt, so it settles only recipients with
/// one. A recipient that is just being recorded by its worker is passed over, and so is a row that a receipt lists again just now
/// (`look_at`): that receipt may not be seen here. Both are looked at again. Rows are locked in one order, without waiting.
pub(crate) static STEP: LazyLock<String> =
    LazyLock::new(|| expand(include_str!("resolve_by_receipt.sql"), &[]));

/// Looks at everybody listed of one campaign. Returns how many were settled.
pub(crate) async fn resolve_listed(tx: &Transaction<'_>, campaign: CampaignId) -> Result<u64, Error> {
    let (mut total, mut from) = (0, Some(Seq(0)));
    while let Some(after) = from {
        let resolved;
        (resolved, from) = step(tx, campaign, after).await?;
        total += resolved;
    }
    Ok(total)
}

/// Looks at the next of the list. Returns how many were settled, and the last one looked at if there may be more.
async fn step(tx: &Transaction<'_>, campaign: CampaignId, after: Seq) -> Result<(u64, Option<Seq>), Error> {
    let prepared = tx.prepare_cached(&written_for(campaign, &STEP)).await?;
    let row = tx.query_one(&prepared, &[&after.0]).await?;
    let resolved = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
    Ok((resolved, row.get::<_, Option<i32>>(1).map(Seq)))
}

impl Store {
    /// Campaigns with recipients in the list whose pause is over.
    pub async fn campaigns_to_resolve_by_receipt(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select distinct campaign_id from receipt_to_settle where look_at <= clock_timestamp()";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Settles by receipts the recipients of a campaign that are unknown, or are to be sent to again and need not be: everybody
    /// listed, a thousand in a transaction. Returns how many.
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
