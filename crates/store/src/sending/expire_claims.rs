//! Claims whose worker died.

use campaign::{CampaignId, ClaimId, SenderId, Seq};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::sending::claim_request::CLAIM_LOCK;

/// An open claim of a worker that died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadClaim {
    /// The campaign.
    pub campaign: CampaignId,
    /// The id.
    pub id: ClaimId,
    /// The recipients that are still `sending` under the claim.
    pub sending: Vec<Seq>,
}

impl Store {
    /// Expires claims of dead workers: recipients of this sender that are `sending` under an expired lease become `unknown`,
    /// because the request may have been made. Returns the number of recipients.
    pub async fn expire_claims(&self, sender: SenderId) -> Result<u64, Error> {
        // The margin is for recording a request that ended just before the lease.
        let ended = "
            select id, campaign_id from claim
            where sender_id = $1 and lease_until < clock_timestamp() - interval '5 seconds'";
        let expire = "
            with dead as (
                delete from claim where id = $1 returning seqs
            ), expired as (
                update recipient r
                set state = 'unknown', reason_code = 'worker_died', changed_at = clock_timestamp()
                from (select unnest(seqs) as seq from dead) held
                where r.campaign_id = $2 and r.seq = held.seq and r.claim_id = $1 and r.state = 'sending'
                returning r.seq
            )
            insert into unknown_recipient (campaign_id, seq) select $2, seq from expired
            on conflict (campaign_id, seq) do update set since = excluded.since";
        let client = self.client().await?;
        let mut expired = 0;
        for row in client.query(&client.prepare_cached(ended).await?, &[&sender.0]).await? {
            let (claim, campaign): (i64, i64) = (row.get(0), row.get(1));
            expired += client.execute(expire, &[&claim, &campaign]).await?;
        }
        Ok(expired)
    }

    /// The open claims of a worker that died. The call waits for a claim that is still being made.
    pub async fn claims_of_dead_worker(
        &self,
        sender: SenderId,
        worker: Uuid,
    ) -> Result<Vec<DeadClaim>, Error> {
        let select = "
            select campaign_id, id, array(
                select r.seq from recipient r
                where r.campaign_id = c.campaign_id and r.seq = any(c.seqs) and r.claim_id = c.id and r.state = 'sending')
            from claim c where sender_id = $1 and worker = $2 order by id";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(&tx.prepare_cached(CLAIM_LOCK).await?, &[&sender.0]).await?;
        let rows = tx.query(&tx.prepare_cached(select).await?, &[&sender.0, &worker]).await?;
        tx.commit().await?;
        let read = |row: &Row| {
            let sending: Vec<i32> = row.get(2);
            DeadClaim {
                campaign: CampaignId(row.get(0)),
                id: ClaimId(row.get(1)),
                sending: sending.into_iter().map(Seq).collect(),
            }
        };
        Ok(rows.iter().map(read).collect())
    }

    /// The number of open claims of this campaign.
    pub async fn open_claims(&self, campaign: CampaignId) -> Result<i64, Error> {
        let select = "select count(*) from claim where campaign_id = $1";
        Ok(self.client().await?.query_one(select, &[&campaign.0]).await?.get(0))
    }
}
