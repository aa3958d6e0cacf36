//! Waiting recipients, audit, dead letters, counters, API keys.

use std::cmp::Reverse;

use control::{
    ApiKey, AuditCheck, AuditQuery, AuditView, CountCheck, DeadLetter, Error, JobBegun, Page, PageRequest,
    RedrivenLetters, SystemView, Waiting,
};
use serde_json::json;

use crate::request::Request;
use crate::transport::Client;

impl Client {
    /// The state of the installation.
    pub async fn system(&self) -> Result<SystemView, Error> {
        self.read(Request::get(["system"])).await
    }

    /// Waiting recipients of all campaigns, with the reason.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, Error> {
        let page: Page<Waiting> = self.read(Request::get(["waiting"])).await?;
        Ok(page.items)
    }

    /// Rows of the audit, the newest first.
    pub async fn audit(&self, query: &AuditQuery, page: &PageRequest) -> Result<Page<AuditView>, Error> {
        let list = Request::get(["audit"])
            .query("actor", query.actor.as_ref())
            .query("action", query.action.as_ref())
            .query("object_kind", query.object_kind.as_ref())
            .query("object", query.object.as_ref());
        self.page(list, page).await
    }

    /// Checks the hashes of all rows of the audit.
    pub async fn verify_audit(&self) -> Result<AuditCheck, Error> {
        self.read(Request::get(["audit", "check"])).await
    }

    /// The dead letters that died last, at most `most`.
    pub async fn latest_dead_letters(&self, most: u32) -> Result<Vec<DeadLetter>, Error> {
        // The pages are in the order of the numbers, and a letter that is dead-lettered again keeps its number.
        let list = || Request::get(["system", "dead-letters"]);
        let mut letters: Vec<DeadLetter> = self.items(list, None, usize::MAX).await?;
        letters.sort_by_key(|letter| Reverse((letter.last_died_at, letter.dead_letter_id)));
        letters.truncate(most as usize);
        Ok(letters)
    }

    /// Publishes the recipients of dead letters again; `None`: of all that were not redriven yet.
    pub async fn redrive(&self, ids: Option<&[i64]>) -> Result<RedrivenLetters, Error> {
        let redrive = Request::post(["system", "dead-letters", "redrive"]);
        self.read(redrive.json(&json!({ "ids": ids }))?).await
    }

    /// Compares the counters of all reports with a full count. `progress` gets the number of compared campaigns and of all
    /// campaigns.
    pub async fn check_counts(&self, progress: impl Fn(usize, usize)) -> Result<CountCheck, Error> {
        let begun: JobBegun = self.read(Request::post(["system", "counters", "check"])).await?;
        let steps = |n: i64| usize::try_from(n).unwrap_or(0);
        let look = "flowcast check-counts";
        let result =
            self.finished(begun, look, |done, of| progress(steps(done), steps(of.unwrap_or(0)))).await?;
        self.result(result)
    }

    /// All API keys, newest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        let page: Page<ApiKey> = self.read(Request::get(["keys"])).await?;
        Ok(page.items)
    }

    /// Revokes an API key.
    pub async fn revoke_key(&self, id: &str) -> Result<ApiKey, Error> {
        self.read(Request::delete(["keys", id])).await
    }
}
