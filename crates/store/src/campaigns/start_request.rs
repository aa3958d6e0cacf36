//! Requests to start a campaign that another person has to start.

use campaign::CampaignId;
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A request to start a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRequest {
    /// The state of the campaign that the request is about.
    pub fingerprint: String,
    /// The actor that asked.
    pub requested_by: String,
    /// The person behind the actor.
    pub person: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

impl Store {
    /// Stores a request, in place of an earlier one.
    pub async fn request_start(
        &self,
        id: CampaignId,
        fingerprint: &str,
        (requested_by, person): (&str, &str),
    ) -> Result<(), Error> {
        let upsert = "
            insert into start_request (campaign_id, fingerprint, requested_by, person) values ($1, $2, $3, $4)
            on conflict (campaign_id) do update set fingerprint = excluded.fingerprint,
                requested_by = excluded.requested_by, person = excluded.person, requested_at = now()";
        self.client().await?.execute(upsert, &[&id.0, &fingerprint, &requested_by, &person]).await?;
        Ok(())
    }

    /// The request to start a campaign, if there is one; it may be void.
    pub async fn start_request(&self, id: CampaignId) -> Result<Option<StartRequest>, Error> {
        let select = "
            select fingerprint, requested_by, person, requested_at from start_request where campaign_id = $1";
        let row = self.client().await?.query_opt(select, &[&id.0]).await?;
        Ok(row.map(|row| StartRequest {
            fingerprint: row.get(0),
            requested_by: row.get(1),
            person: row.get(2),
            requested_at: row.get(3),
        }))
    }
}
