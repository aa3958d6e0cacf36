//! Phone numbers as the tables store them.

use std::collections::BTreeMap;

use campaign::{CampaignId, Msisdn, Seq};

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::volume::written_for;

/// A number as it is stored.
pub(crate) fn stored(number: Msisdn) -> Option<i64> {
    i64::try_from(number.digits()).ok()
}

/// A stored number. `None`: the number was erased, and is negative.
pub(crate) fn read(digits: i64) -> Option<Msisdn> {
    u64::try_from(digits).ok().and_then(Msisdn::from_digits)
}

/// The numbers of recipients of one campaign, without erased numbers.
pub(crate) async fn recipients(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    seqs: impl Iterator<Item = Seq>,
) -> Result<BTreeMap<Seq, Msisdn>, Error> {
    const SELECT: &str = "
        select seq, msisdn from recipient
        where campaign_id = $1 and campaign_id between {{first}} and {{last}} and seq = any($2)";
    let seqs: Vec<i32> = seqs.map(|seq| seq.0).collect();
    let rows =
        tx.query(&tx.prepare_cached(&written_for(campaign, SELECT)).await?, &[&campaign.0, &seqs]).await?;
    Ok(rows.iter().filter_map(|row| Some((Seq(row.get(0)), read(row.get(1))?))).collect())
}
