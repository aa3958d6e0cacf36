//! Records outcomes that are `accepted` or `failed`: nearly all outcomes.
//!
//! The statement is that of `record.rs` without the parts for other cases, which is less work for PostgreSQL
//! (docs/BENCHMARKS.md). It records only recipients that are still `sending` under their claim. Recipients that became `unknown`
//! or were resolved meanwhile are left to the statement of `record.rs`. The statement writes to the tables of the volume, which
//! does not fire the triggers that count, so it adds the counter deltas itself: all recipients that it records were `sending`.

use std::sync::LazyLock;

use campaign::{CampaignId, SenderId};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::metrics;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::sending::fragments::FRAGMENTS;
use crate::sending::outcome_rows::Columns;

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(12, &expand(include_str!("record_final.sql"), FRAGMENTS)));

impl Store {
    /// Records final outcomes and closes claims. Returns the number of recorded outcomes; the caller passes the rest to
    /// `record_any`.
    pub(crate) async fn record_final(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        finals: &Columns<'_>,
        closed: &[i64],
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let parameters: [&(dyn ToSql + Sync); 12] = [
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
            &campaign.0,
        ];
        let recorded = async {
            let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
            client.query_one(&prepared, &parameters).await
        };
        match metrics::RECORD_FINAL.time(recorded).await {
            Ok(row) => Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
            Err(error) if is_without_table(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
