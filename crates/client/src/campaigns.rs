//! Campaigns.

use campaign::{CampaignId, Definition};
use control::{
    Campaign, CampaignReport, Check, Draft, Ended, Error, ErrorReport, JobBegun, Page, Paused, Preview,
    PreviewItem, Problem, Resent, Resolve, Retry, SAMPLES, Sample, StartRequested, Started, Waiting,
};
use reqwest::header::{HeaderValue, IF_MATCH};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::Request;
use crate::transport::Client;

/// Messages that the API fills in at once.
const MOST_PREVIEWED: u32 = 20;

/// The result of the jobs that send again.
#[derive(Deserialize)]
struct Counts {
    resent: u64,
    #[serde(default)]
    failed: u64,
}

impl Client {
    /// A campaign with its definition.
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign, Error> {
        self.read(Request::get(["campaigns", &id.to_string()])).await
    }

    /// Reports of campaigns, newest first: at most `limit`, only campaigns older than `before` if it is given.
    pub async fn campaigns(
        &self,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignReport>, Error> {
        let before = before.map(|before| before.to_string());
        self.items(|| Request::get(["campaigns"]), before, limit as usize).await
    }

    /// The report of a campaign.
    pub async fn report(&self, id: CampaignId) -> Result<CampaignReport, Error> {
        self.read(Request::get(["campaigns", &id.to_string(), "report"])).await
    }

    /// The errors of a campaign, most frequent first.
    pub async fn errors(&self, id: CampaignId) -> Result<Vec<ErrorReport>, Error> {
        let page: Page<ErrorReport> =
            self.read(Request::get(["campaigns", &id.to_string(), "errors"])).await?;
        Ok(page.items)
    }

    /// Why recipients of a campaign wait.
    pub async fn waiting_of(&self, id: CampaignId) -> Result<Vec<Waiting>, Error> {
        let page: Page<Waiting> = self.read(Request::get(["campaigns", &id.to_string(), "waiting"])).await?;
        Ok(page.items)
    }

    /// Creates a draft.
    pub async fn create_campaign(&self, definition: &Definition) -> Result<Draft, Error> {
        self.read(Request::post(["campaigns"]).json(definition)?).await
    }

    /// Replaces the definition of a draft. `version` is the version that was read.
    pub async fn edit_campaign(
        &self,
        id: CampaignId,
        version: i32,
        definition: &Definition,
    ) -> Result<Draft, Error> {
        let tag = HeaderValue::from_str(&format!("\"{version}-\""));
        let tag = tag.map_err(|error| Error::refused(Problem::Internal, error.to_string()))?;
        let edit = Request::put(["campaigns", &id.to_string()]).header(IF_MATCH, tag);
        self.read(edit.json(definition)?).await
    }

    /// Creates a draft with the definition of another campaign.
    pub async fn clone_campaign(&self, id: CampaignId, name: Option<&str>) -> Result<Draft, Error> {
        let clone = Request::post(["campaigns", &id.to_string(), "clone"]);
        self.read(clone.json(&json!({ "name": name }))?).await
    }

    /// Deletes a draft with its lists.
    pub async fn delete_campaign(&self, id: CampaignId) -> Result<(), Error> {
        self.execute(Request::delete(["campaigns", &id.to_string()])).await
    }

    /// Checks whether a campaign can be started.
    pub async fn check_campaign(&self, id: CampaignId) -> Result<Check, Error> {
        let look = format!("flowcast campaign check {id}");
        let checked = self.job_of(id, "check", &look, |_, _| {}).await?;
        let mut check: Check = self.result(checked)?;
        // A job keeps no messages, because they contain names of recipients.
        let preview = Request::post(["campaigns", &id.to_string(), "preview"]);
        let preview: Preview = self.read(preview.json(&json!({ "limit": MOST_PREVIEWED }))?).await?;
        check.samples = preview.items.into_iter().filter_map(sample).take(SAMPLES).collect();
        Ok(check)
    }

    /// Starts a draft.
    pub async fn start_campaign(&self, id: CampaignId) -> Result<Started, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), "start"])).await
    }

    /// Requests the start of a campaign that another person has to start.
    pub async fn request_start(&self, id: CampaignId) -> Result<StartRequested, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), "start-request"])).await
    }

    /// Pauses a running campaign.
    pub async fn pause_campaign(&self, id: CampaignId) -> Result<Paused, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), "pause"])).await
    }

    /// Resumes a paused campaign.
    pub async fn resume_campaign(&self, id: CampaignId) -> Result<Started, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), "resume"])).await
    }

    /// Ends a campaign for good.
    pub async fn end_campaign(&self, id: CampaignId) -> Result<Ended, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), "end"])).await
    }

    /// Makes failed or undelivered recipients due again.
    pub async fn retry_recipients(&self, id: CampaignId, retry: &Retry) -> Result<Resent, Error> {
        let body = json!({ "class": retry.class.word(), "code": retry.code, "reason": retry.reason });
        let begun = self.begin(id, "retry", &body).await?;
        let result = self.finished(begun, &format!("flowcast campaign status {id}"), |_, _| {}).await?;
        let Counts { resent, .. } = self.result(result)?;
        Resent::of_retry(id, resent)
    }

    /// Resolves unconfirmed recipients.
    pub async fn resolve_recipients(&self, id: CampaignId, resolve: &Resolve) -> Result<Resent, Error> {
        let seqs: Vec<i32> = resolve.seqs.iter().map(|seq| seq.0).collect();
        let body = json!({ "resolution": resolve.resolution.word(), "seqs": seqs, "reason": resolve.reason });
        let begun = self.begin(id, "resolve", &body).await?;
        let result = self.finished(begun, &format!("flowcast campaign status {id}"), |_, _| {}).await?;
        let Counts { resent, failed } = self.result(result)?;
        Resent::of_resolve(id, !seqs.is_empty(), resent, failed)
    }

    /// Deletes the rows of an ended campaign. `progress` gets the number of processed recipients and of all recipients.
    pub async fn archive_campaign(
        &self,
        id: CampaignId,
        mut progress: impl FnMut(i32, i32),
    ) -> Result<(), Error> {
        let look = format!("flowcast campaign archive {id}");
        let steps = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        self.job_of(id, "archive", &look, |done, of| progress(steps(done), steps(of.unwrap_or(0)))).await?;
        Ok(())
    }

    async fn job_of(
        &self,
        id: CampaignId,
        kind: &str,
        look: &str,
        progress: impl FnMut(i64, Option<i64>),
    ) -> Result<Value, Error> {
        let begun = self.begin(id, kind, &json!({})).await?;
        self.finished(begun, look, progress).await
    }

    async fn begin(&self, id: CampaignId, kind: &str, body: &Value) -> Result<JobBegun, Error> {
        self.read(Request::post(["campaigns", &id.to_string(), kind]).json(body)?).await
    }

    /// The result of a job.
    pub(crate) fn result<T: serde::de::DeserializeOwned>(&self, result: Value) -> Result<T, Error> {
        serde_json::from_value(result).map_err(|error| self.unreadable(&error))
    }
}

/// A message that could be filled in.
fn sample(item: PreviewItem) -> Option<Sample> {
    let PreviewItem { seq, header, body, footer, button, .. } = item;
    Some(Sample { seq: seq?, header, body: body?, footer, button })
}
