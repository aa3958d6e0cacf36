//! `flowcast restored`: prepares a restored database before the first message is sent.

use control::LostTime;

use crate::args::Restored;
use crate::plane::Database;
use crate::terminal::output::{line, table, thousands};

/// Shows the campaigns with recipients that may have been sent to. With `--yes` makes these recipients `unknown`.
pub(crate) async fn run(Database { control, caller }: &Database, restored: Restored) -> anyhow::Result<()> {
    let Restored { backup_at, lost_at, started, rate_was_raised, yes } = restored;
    let lost = LostTime { backup_at, lost_at, started, rate_was_raised };
    let found = control.lost_sends(caller, &lost).await?;
    let rows: Vec<Vec<String>> = found
        .campaigns
        .iter()
        .map(|campaign| {
            vec![
                campaign.campaign_id.to_string(),
                campaign.name.clone(),
                campaign.sender.clone(),
                thousands(i64::from(campaign.up_to)),
                thousands(campaign.recipients),
            ]
        })
        .collect();
    table(&["campaign", "name", "sender", "up to seq", "become unknown"], &rows);
    if !found.drafts.is_empty() {
        let drafts: Vec<String> = found.drafts.iter().map(ToString::to_string).collect();
        line(format!(
            "drafts in the backup: {}; add --started ID for each of them that was started after the backup",
            drafts.join(", ")
        ));
    }
    if !yes {
        line(
            "nothing was changed; run the command again with --yes to stop all senders and make these recipients unknown",
        );
        return Ok(());
    }
    let marked = control.prepare_restored(caller, &lost).await?;
    line(format!(
        "all senders are stopped; {} recipients of {} campaigns are unknown and are not sent to again; the database is confirmed",
        thousands(i64::try_from(marked).unwrap_or(i64::MAX)),
        found.campaigns.len()
    ));
    line(
        "next: start servers, so that delivery receipts resolve unknown recipients; resolve the rest with 'flowcast campaign resolve'; \
          import lists and opt-outs that came after the backup again; then 'flowcast sender resume' and start consumers",
    );
    Ok(())
}
