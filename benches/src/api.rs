//! Lists over the HTTP API beside the command: upload with import, and export, with the memory of the server.
//!
//! The command and the API import the same file in turns. Every row must be stored and exported, or the run is an error.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use campaign::CampaignId;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::console_server::ConsoleServer;
use crate::figures::{Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number, thousands};
use crate::services::Services;
use crate::stand::Stand;

/// How often a job is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A server with the API, and a key.
struct Api {
    key: String,
    server: ConsoleServer,
}

/// Measures one upload, one import by the command and one export of this many rows.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    rows: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::without_roles(services, flowcast).await?;
    let list = stand.list(list::MEASURED..list::MEASURED + rows)?;
    let title = thousands(rows);

    let id = stand.campaign().await?;
    let arguments = ["campaign", "import", &id.to_string(), &list.display().to_string()];
    let by_command = flowcast.run(&arguments, &stand.surroundings, drop).await?.time;
    add(figures, &format!("import of {title} rows by the command"), rows, by_command);

    let api = Api::start(flowcast, &stand).await?;
    let id = stand.campaign().await?;
    let (all, after_last_byte) = api.upload(id, &list, rows).await?;
    add(figures, &format!("upload and import of {title} rows by the API"), rows, all);
    add(figures, &format!("import of {title} rows by the API after the last byte"), rows, after_last_byte);
    api.memory(figures, "upload")?;
    // Waiting recipients are not exported.
    flowcast.run(&["campaign", "cancel", &id.to_string()], &stand.surroundings, drop).await?;
    let time = api.export(id, rows).await?;
    add(figures, &format!("export of {title} recipients by the API"), rows, time);
    api.memory(figures, "upload and export")?;
    api.server.role.stop().await?;
    stand.stop().await
}

fn add(figures: &mut Figures, what: &str, rows: u32, time: Duration) {
    let per_second = f64::from(rows) / time.as_secs_f64();
    figures.add(what, PER_SECOND, per_second);
    line(format!("  {what}: {}/s", number(per_second)));
}

impl Api {
    async fn start(flowcast: &Flowcast, stand: &Stand) -> anyhow::Result<Self> {
        let add_key = ["key", "add", "bench", "--role", "admin", "--numbers", "--expires", "1h"];
        let printed = flowcast.output(&add_key, &stand.surroundings).await?;
        let key =
            printed.split_whitespace().find(|word| word.starts_with("fc_")).context("no key was printed")?;
        Ok(Self { key: key.to_owned(), server: ConsoleServer::start(flowcast, stand).await? })
    }

    fn url(&self, path: &str) -> String {
        self.server.url(&format!("/api/v1/{path}"))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.server.client.get(self.url(path)).bearer_auth(&self.key).send().await?.error_for_status()?)
    }

    /// Uploads a list and waits for its import. Returns the whole time, and the time since the last byte had arrived.
    async fn upload(&self, id: CampaignId, list: &Path, rows: u32) -> anyhow::Result<(Duration, Duration)> {
        let begun = Instant::now();
        let file = tokio::fs::File::open(list).await?;
        let upload = self.server.client.post(self.url(&format!("campaigns/{id}/lists?name=bench.csv")));
        let upload = upload.bearer_auth(&self.key).header("idempotency-key", Uuid::new_v4().to_string());
        let answer = upload.body(file).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        anyhow::ensure!(status == StatusCode::ACCEPTED, "the upload was refused: {body}");
        let arrived = Instant::now();
        let job = body.get("job_id").context("no job")?;
        loop {
            let job: Value = self.get(&format!("jobs/{job}")).await?.json().await?;
            match job.get("state").and_then(Value::as_str) {
                Some("done") => break,
                Some("running") => sleep(LOOK_EVERY).await,
                _ => anyhow::bail!("the import failed: {job}"),
            }
        }
        let (all, after) = (begun.elapsed(), arrived.elapsed());
        let report: Value = self.get(&format!("campaigns/{id}/report")).await?.json().await?;
        anyhow::ensure!(report.get("imported").or(report.get("uploaded")) == Some(&rows.into()), "{report}");
        Ok((all, after))
    }

    /// Reads all recipients of a campaign as CSV.
    async fn export(&self, id: CampaignId, rows: u32) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let mut answer = self.get(&format!("campaigns/{id}/export?who=cancelled")).await?;
        let mut lines = 0_usize;
        while let Some(chunk) = answer.chunk().await? {
            lines += chunk.split(|byte| *byte == b'\n').skip(1).count();
        }
        let time = begun.elapsed();
        anyhow::ensure!(u32::try_from(lines) == Ok(rows + 1), "{lines} lines, not {rows} and a header");
        Ok(time)
    }

    fn memory(&self, figures: &mut Figures, after: &str) -> anyhow::Result<()> {
        let peak = f64::from(self.server.role.memory()?.peak) / 1024.0;
        figures.add(format!("peak memory of the server after {after}"), MEBIBYTES, peak);
        line(format!("  peak memory of the server after {after}: {} MiB", number(peak)));
        Ok(())
    }
}
