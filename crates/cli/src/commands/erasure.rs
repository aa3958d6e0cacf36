//! `flowcast retention run`, `flowcast erase` and `flowcast campaign archive`: deletes data that is no longer needed.

use std::time::Duration;

use campaign::CampaignId;

use crate::plane::{Database, Plane};
use crate::terminal::output::line;
use crate::terminal::progress;

/// Erases the personal data of campaigns that ended at least this long ago.
pub(crate) async fn retention(database: &Database, older_than: Duration) -> anyhow::Result<()> {
    let erased = database.control.run_retention(&database.caller, older_than).await?.campaigns;
    for campaign in &erased {
        line(format!(
            "campaign {campaign}: numbers, variables, answers and provider ids are erased, counts are kept"
        ));
    }
    if erased.is_empty() {
        line("no campaign ended that long ago and still has personal data");
    }
    Ok(())
}

/// Erases one number everywhere.
pub(crate) async fn number(database: &Database, number: &str) -> anyhow::Result<()> {
    let campaigns = database.control.erase_number(&database.caller, number).await?.campaigns;
    line(format!(
        "the number is erased in {campaigns} campaigns and in stored webhook posts; a suppressed number stays suppressed"
    ));
    Ok(())
}

/// Deletes the rows of an ended campaign and keeps its counters.
pub(crate) async fn archive(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let bar = progress::of_steps(0, "recipients");
    let archived = plane
        .archive_campaign(id, |done, of| {
            bar.set_length(u64::try_from(of).unwrap_or(0));
            bar.set_position(u64::try_from(done).unwrap_or(0));
        })
        .await;
    bar.finish_and_clear();
    archived?;
    line(format!(
        "campaign {id}: recipients, attempts, receipts and answers are removed, its counts are kept"
    ));
    Ok(())
}
