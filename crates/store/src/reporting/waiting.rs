//! Why recipients wait: the rows of `report.waiting`, and the reason why PostgreSQL cannot be written to.

use campaign::CampaignId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::db::connection::{ReadingClient, Store};
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

view_row! {
    /// Waiting recipients of one campaign with the reason; or a stopped sender without recipients.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct WaitingRow {
        pub sender: String,
        pub campaign_id: Option<i64>,
        pub reason: String,
        pub detail: Option<String>,
        pub since: Option<Timestamp>,
        pub until: Option<Timestamp>,
        pub caused_by: Option<String>,
        pub recipients: i64,
    }
}

/// Reasons that are valid only if PostgreSQL can be written to.
const OF_WORK: [&str; 7] =
    ["no_producer", "no_worker", "queue_away", "queue_blocked", "throttled", "rate", "queue"];
/// Reasons that a process gives after some seconds if it cannot write.
const OF_SILENCE: [&str; 2] = ["no_producer", "no_worker"];

impl Store {
    /// All waiting recipients, or those of one campaign. If PostgreSQL cannot be written to, the reason is `database` instead of
    /// the reasons that follow from it; a store of [`Store::begin_reading`] does not find that out.
    pub async fn waiting(&self, campaign: Option<CampaignId>) -> Result<Vec<WaitingRow>, Error> {
        let select = "
            select * from report.waiting
            where $1::bigint is null or campaign_id = $1 order by sender, campaign_id nulls first, reason";
        let client = self.reading_client().await?;
        let trouble = match &client {
            ReadingClient::Own(client) => match cannot_write(client).await {
                None => waits_for_standby(client).await,
                trouble => trouble,
            },
            ReadingClient::Bound(_) => None,
        };
        let rows = client.query(select, &[&campaign.map(|campaign| campaign.0)]).await?;
        Ok(rows.iter().map(|row| WaitingRow::read(row).because_of(trouble.as_ref())).collect())
    }
}

impl WaitingRow {
    fn because_of(self, trouble: Option<&Error>) -> Self {
        let reasons = match trouble {
            Some(Error::Unavailable { .. }) => &OF_WORK[..],
            // Perhaps only the user of this command lacks the privilege.
            Some(Error::Denied { .. }) => &OF_SILENCE[..],
            _ => &[],
        };
        if !reasons.contains(&self.reason.as_str()) {
            return self;
        }
        let detail = trouble.map(ToString::to_string);
        Self { reason: "database".into(), detail, since: None, until: None, ..self }
    }
}

/// The reason why the tables of claims and records cannot be written to; the test changes nothing.
async fn cannot_write(client: &Client) -> Option<Error> {
    let writes = "
        begin;
        update sender_gate set is_open = is_open where false;
        delete from claim where false;
        insert into counter_delta (campaign_id, kind, n) select 0, 'pending', 0 where false";
    let written = client.batch_execute(writes).await;
    let ended = client.batch_execute("rollback").await;
    written.and(ended).err().map(Error::from)
}

/// Whether commits have been waiting for a synchronous standby for some seconds.
async fn waits_for_standby(client: &Client) -> Option<Error> {
    let waits = "
        select exists (
            select from pg_stat_activity
            where datname = current_database() and wait_event = 'SyncRep' and xact_start < clock_timestamp() - interval '5 seconds')";
    let waits: bool = client.query_one(waits, &[]).await.ok()?.get(0);
    let reason = "PostgreSQL commits nothing: its commits wait for a synchronous standby that is away; bring a standby back";
    waits.then(|| Error::unavailable(reason, "SyncRep"))
}
