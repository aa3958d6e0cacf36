//! Claims `pending` recipients at a gate that limits nothing but the rate: nearly all claims.
//!
//! Such a gate is open, without a daily cap, neither slowed down nor paused by the provider, and the campaign has no rate of its
//! own. The statement is that of `claim.rs` without the parts for other cases, which is less work for PostgreSQL
//! (docs/BENCHMARKS.md). It reads which of the recipients are `pending`, marks them by their place in the table as `skipped` or
//! `sending`, and takes permits for exactly those that are `sending`. Without permits it raises an error, which rolls the
//! transaction back. All other recipients and gates are left to the statement of `claim.rs`.
//!
//! The statement writes to the table of the volume, which does not fire the triggers that count, so it adds the counter deltas
//! itself: all rows that it changes were `pending`. Rows are locked in the order of their places in the table, as in all
//! statements that lock waiting rows.

use std::sync::LazyLock;

use tokio::time::Instant;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::metrics;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal};
use crate::sending::claim_request::ClaimRequest;
use crate::sending::fragments::FRAGMENTS;
use crate::sending::rate_limit::wait_for;

/// The SQLSTATE that `give_back_claim` raises.
const GIVEN_BACK: &str = "FC001";

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(5, &expand(include_str!("claim_pending.sql"), FRAGMENTS)));

impl Store {
    /// Claims the `pending` recipients of a request, or refuses because the rate is used up. `None`: `claim.rs` has to look,
    /// because no recipient is `pending` or the gate has other limits.
    pub(crate) async fn claim_pending(&self, request: &ClaimRequest) -> Result<Option<ClaimAnswer>, Error> {
        let client = self.client().await?;
        let answer = async {
            let prepared = client.prepare_cached(&written_for(request.campaign, &STATEMENT)).await?;
            request.ask(&client, &prepared).await
        };
        let (asked, answer) = match metrics::CLAIM_PENDING.time(answer).await {
            Ok((asked, Some(answer))) => (asked, answer),
            Ok((_, None)) => return Ok(None),
            Err(error) if is_given_back(&error) || is_without_table(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match answer.get("has_room") {
            // The gate has other limits.
            None => Ok(None),
            Some(false) => {
                Ok(Some(ClaimAnswer::Refused(ClaimRefusal::Wait(wait_for(answer.get("wait_us"))))))
            }
            Some(true) => self.read_pending(request, &answer, asked),
        }
    }

    fn read_pending(
        &self,
        request: &ClaimRequest,
        answer: &Row,
        asked: Instant,
    ) -> Result<Option<ClaimAnswer>, Error> {
        if answer.get::<_, i64>("n") == 0 {
            return Ok(None);
        }
        let claim = self.read_claim(answer, asked)?;
        let n_skipped = usize::try_from(answer.get::<_, i64>("n_skipped")).unwrap_or(0);
        let may_be_cut = claim.rows.len() + n_skipped < request.seqs.len();
        Ok(Some(ClaimAnswer::Granted(Claim { may_be_cut, ..claim })))
    }
}

fn is_given_back(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| state.code() == GIVEN_BACK)
}
