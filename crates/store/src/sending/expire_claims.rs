//! Claims whose worker died.

use campaign::{CampaignId, SenderId};

use crate::db::connection::Store;
use crate::db::error::Error;

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

    /// The number of open claims of this campaign.
    pub async fn open_claims(&self, campaign: CampaignId) -> Result<i64, Error> {
        let select = "select count(*) from claim where campaign_id = $1";
        Ok(self.client().await?.query_one(select, &[&campaign.0]).await?.get(0))
    }
}
