//! Claiming those who are pending and may be written to, at a gate that is plain: what nearly all are.
//!
//! Plain is a gate that is open, without a daily cap, not slowed down or paused by its provider, and of a campaign without a
//! rate of its own. The statement is that of `claim.rs` without what only the others need: less work for Postgres
//! (docs/BENCHMARKS.md). It reads who of those asked for is pending, marks them where it found them, as `skipped` who must not
//! be written to and as `sending` the others, and takes permits for exactly as many as these. If it gets none it gives
//! everything back, by an error that ends the transaction. Whoever it leaves, and whatever is not plain, is left to the
//! statement that knows of them.
//!
//! It writes to the campaign's own table, past the triggers that count, and counts itself: all it changes were pending. Rows
//! are locked in the order of their places in the table, as by all who lock those who wait.

use std::sync::LazyLock;

use tokio::time::Instant;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::{Error, is_without_table};
use crate::db::sql::expand;
use crate::db::volume::written_for;
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal};
use crate::sending::claim_request::Wish;
use crate::sending::fragments::FRAGMENTS;
use crate::sending::rate_limit::wait_for;

/// What `give_back_claim` of the database raises.
const GIVEN_BACK: &str = "FC001";

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| expand(include_str!("claim_pending.sql"), FRAGMENTS));

impl Store {
    /// Claims those of these who are pending, or refuses to because the rate is used up. `None` when it takes another look:
    /// nobody of them is, or something is not plain.
    pub(crate) async fn claim_pending(&self, wish: &Wish) -> Result<Option<ClaimAnswer>, Error> {
        let client = self.client().await?;
        let answer = async {
            let prepared = client.prepare_cached(&written_for(wish.campaign, &STATEMENT)).await?;
            wish.ask(&client, &prepared).await
        };
        let (asked, answer) = match answer.await {
            Ok((asked, Some(answer))) => (asked, answer),
            Ok((_, None)) => return Ok(None),
            Err(error) if is_given_back(&error) || is_without_table(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match answer.get("has_room") {
            // Not plain.
            None => Ok(None),
            Some(false) => {
                Ok(Some(ClaimAnswer::Refused(ClaimRefusal::Wait(wait_for(answer.get("wait_us"))))))
            }
            Some(true) => self.read_pending(wish, &answer, asked),
        }
    }

    fn read_pending(&self, wish: &Wish, answer: &Row, asked: Instant) -> Result<Option<ClaimAnswer>, Error> {
        if answer.get::<_, i64>("n") == 0 {
            return Ok(None);
        }
        let claim = self.read_claim(answer, asked)?;
        let n_skipped = usize::try_from(answer.get::<_, i64>("n_skipped")).unwrap_or(0);
        let may_be_cut = claim.rows.len() + n_skipped < wish.seqs.len();
        Ok(Some(ClaimAnswer::Granted(Claim { may_be_cut, ..claim })))
    }
}

fn is_given_back(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| state.code() == GIVEN_BACK)
}
