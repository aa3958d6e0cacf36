//! `flowcast restored`: prepares a restored database before the first message is sent.

use std::time::Duration;

use store::{Gap, Store};

use crate::args::Restored;
use crate::exit::Refused;
use crate::terminal::output::{line, table, thousands};

/// Shows the campaigns with recipients that may have been sent to. With `--yes` makes these recipients `unknown`.
pub(crate) async fn run(store: &Store, restored: Restored) -> anyhow::Result<()> {
    let Restored { backup_at, lost_at, started, rate_was_raised, yes } = restored;
    let length = Duration::try_from(lost_at.duration_since(backup_at))
        .map_err(|_| Refused("--lost-at is before --backup-at; nothing was changed".into()))?;
    let drafts: Vec<String> = store
        .drafts_with_recipients()
        .await?
        .iter()
        .filter(|draft| !started.contains(draft))
        .map(ToString::to_string)
        .collect();
    let gap = Gap { length, started, rate_is_unknown: rate_was_raised };
    let campaigns = store.gap_campaigns(&gap).await?;
    let rows: Vec<Vec<String>> = campaigns
        .iter()
        .map(|campaign| {
            vec![
                campaign.id.to_string(),
                campaign.name.clone(),
                campaign.sender.clone(),
                thousands(i64::from(campaign.up_to)),
                thousands(campaign.recipients),
            ]
        })
        .collect();
    table(&["campaign", "name", "sender", "up to seq", "become unknown"], &rows);
    if !drafts.is_empty() {
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
    store.begin_after_restore("restored").await?;
    let mut marked = 0;
    for campaign in &campaigns {
        marked += store.mark_gap(campaign).await?;
    }
    line(format!(
        "all senders are stopped; {} recipients of {} campaigns are unknown and are not sent to again",
        thousands(i64::try_from(marked).unwrap_or(i64::MAX)),
        campaigns.len()
    ));
    line(
        "next: start servers, so that delivery receipts resolve unknown recipients; resolve the rest with 'flowcast campaign resolve'; \
          import lists and opt-outs that came after the backup again; then 'flowcast sender resume' and start consumers",
    );
    Ok(())
}
