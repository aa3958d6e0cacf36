//! Postpones recipients before they are claimed, so that they use no permits.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, Msisdn, SenderId, Seq};
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::lists::numbers::read;

/// The statement that postpones.
pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(5, &expand(include_str!("postpone.sql"), &[])));

impl Store {
    /// The numbers of those of these recipients that may be claimed, and the time of the database.
    pub async fn claimable_numbers(
        &self,
        campaign: CampaignId,
        seqs: &[Seq],
    ) -> Result<(Option<Timestamp>, Vec<(Seq, Msisdn)>), Error> {
        const SELECT: &str = "
            select seq, msisdn, clock_timestamp() from recipient
            where campaign_id = $1 and campaign_id between {{first}} and {{last}} and seq = any($2)
                and state in ('pending', 'retry')";
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, SELECT)).await?;
        let rows = client.query(&prepared, &[&campaign.0, &seqs]).await?;
        let numbers = rows.iter().filter_map(|row| Some((Seq(row.get(0)), read(row.get(1))?))).collect();
        Ok((rows.first().map(|row| row.get(2)), numbers))
    }

    /// Makes recipients that are in no claim `retry`, each due after its pause, with this reason and without a counted attempt.
    /// Returns the changed ones; a recipient that another transaction is changing is left out.
    pub async fn postpone(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        pauses: &[(Seq, Duration)],
        reason: &str,
    ) -> Result<Vec<Seq>, Error> {
        let seqs: Vec<i32> = pauses.iter().map(|(seq, _)| seq.0).collect();
        let milliseconds = |pause: Duration| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let pauses: Vec<i64> = pauses.iter().map(|(_, pause)| milliseconds(*pause)).collect();
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let rows = client.query(&prepared, &[&seqs, &pauses, &sender.0, &reason, &campaign.0]).await?;
        Ok(rows.iter().map(|row| Seq(row.get(0))).collect())
    }
}
