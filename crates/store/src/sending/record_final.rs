//! Recording outcomes that end a recipient's way, accepted or failed: what nearly all are.
//!
//! The statement of `record.rs` without what only the others need: less work for Postgres (docs/BENCHMARKS.md). It
//! records over those alone who are still being sent to by that claim; whoever the lease has left unknown meanwhile, or
//! was settled by somebody else, is left to the statement that knows of them. It writes to the campaign's own tables, past the
//! triggers that count, and counts itself: all it records were being sent to.

use std::sync::LazyLock;

use campaign::{CampaignId, SenderId};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::sql::expand;
use crate::db::volume::written_for;
use crate::sending::fragments::FRAGMENTS;
use crate::sending::outcome_rows::Columns;

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| expand(include_str!("record_final.sql"), FRAGMENTS));

impl Store {
    /// Records these, which are final, and closes these claims. Returns how many it recorded: the others need another look.
    pub(crate) async fn record_final(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        finals: &Columns<'_>,
        closed: &[i64],
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &finals.claim_id,
            &finals.seq,
            &finals.outcome,
            &finals.reason_code,
            &finals.reason_text,
            &finals.sent_at,
            &finals.latency_us,
            &finals.http_status,
            &finals.provider_message_id,
            &sender.0,
            &closed,
        ];
        let recorded = async {
            let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
            client.query_one(&prepared, &parameters).await
        };
        match recorded.await {
            Ok(row) => Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
            Err(error) if is_without_table(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
