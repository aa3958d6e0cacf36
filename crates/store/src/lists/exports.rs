//! Exports recipients of a campaign, to be written to a file and imported again.

use campaign::{CampaignId, Msisdn, Seq, Variables};
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Which recipients of a campaign to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientFilter {
    /// The provider accepted the message.
    Accepted,
    /// The provider refused the message permanently, or the recipient was given up.
    Failed,
    /// Whether the provider has the message is unknown.
    Unknown,
    /// Suppressed or outside the 24-hour window.
    Skipped,
    /// Not sent to before the deadline.
    Expired,
    /// Not sent to because the campaign was cancelled.
    Cancelled,
    /// Accepted, and no delivery was reported.
    NotDelivered,
    /// Accepted, and the flow was not completed.
    NotAnswered,
}

impl RecipientFilter {
    /// All filters.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Failed,
        Self::Unknown,
        Self::Skipped,
        Self::Expired,
        Self::Cancelled,
        Self::NotDelivered,
        Self::NotAnswered,
    ];

    /// The word of the API and the audit.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NotDelivered => "not_delivered",
            Self::NotAnswered => "not_answered",
        }
    }

    fn condition(self) -> &'static str {
        match self {
            Self::Accepted => "r.state = 'accepted'",
            Self::Failed => "r.state = 'failed'",
            Self::Unknown => "r.state = 'unknown'",
            Self::Skipped => "r.state = 'skipped'",
            Self::Expired => "r.state = 'expired'",
            Self::Cancelled => "r.state = 'cancelled'",
            Self::NotDelivered => {
                "r.state = 'accepted' and (select t.delivered_at from receipt t
                where t.campaign_id = $1 and t.seq = r.seq) is null"
            }
            Self::NotAnswered => {
                "r.state = 'accepted' and (select f.seq from flow_answer f
                where f.campaign_id = $1 and f.seq = r.seq limit 1) is null"
            }
        }
    }
}

impl Store {
    /// The names of the variables in the lists of a campaign, in alphabetical order. Fails if the numbers are erased.
    pub async fn list_columns(&self, campaign: CampaignId) -> Result<Vec<String>, Error> {
        let erased = "select coalesce(erased_at, archived_at) is not null from campaign where id = $1";
        let select = "
            select distinct k from recipient r, jsonb_object_keys(r.variables) k where r.campaign_id = $1 order by k";
        let client = self.report_client().await?;
        let row = client.query_opt(erased, &[&campaign.0]).await?;
        if row.ok_or_else(|| Error::no_campaign(campaign))?.get(0) {
            return Err(Error::Conflict(format!(
                "the numbers of campaign {campaign} are erased; only its report is kept, see 'flowcast campaign report {campaign}'"
            )));
        }
        let rows = client.query(select, &[&campaign.0]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The recipients of this kind after a place and up to another one, in the order of the list. Recipients whose number was erased
    /// are left out.
    ///
    /// Both places bound what is read. With a limit instead, PostgreSQL sorts the rest of the list for every page if it expects few
    /// recipients of this kind, as after a cancellation.
    pub async fn listed(
        &self,
        campaign: CampaignId,
        who: RecipientFilter,
        (after, through): (Seq, Seq),
    ) -> Result<Vec<(Seq, Msisdn, Variables)>, Error> {
        let select = format!(
            "select r.seq, r.msisdn, r.variables from recipient r
            where r.campaign_id = $1 and r.seq > $2 and r.seq <= $3 and r.msisdn > 0 and {} order by r.seq",
            who.condition()
        );
        let rows = self.client().await?.query(&select, &[&campaign.0, &after.0, &through.0]).await?;
        rows.iter()
            .map(|row| {
                let digits = u64::try_from(row.get::<_, i64>(1)).map_err(Error::unreadable)?;
                let msisdn = Msisdn::from_digits(digits)
                    .ok_or_else(|| Error::unreadable("a phone number without E.164 length"))?;
                let variables = row.try_get::<_, Json<Variables>>(2).map_err(Error::unreadable)?.0;
                Ok((Seq(row.get(0)), msisdn, variables))
            })
            .collect()
    }
}
