//! Resolves `unknown` recipients by the rule of the campaign or by an operator. Receipts have precedence
//! (`resolve_by_receipt.rs`).
//!
//! Every resolution is stored with its cause and reason. Recipients are found in the side table `unknown_recipient`, never by reading a
//! list. The row of the campaign is locked first: a finished campaign is resumed if one of its recipients is resent to.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, CampaignState, Resolution, Seq, own_code};
use tokio_postgres::Row;

use crate::campaigns::finish_and_cancel::{DEADLINE, RUN_AGAIN};
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::unknown::resolve_by_receipt;

/// The reason code of an `unknown` recipient that was given up.
const GIVEN_UP: &str = own_code("unknown_given_up");

/// The number of resolved recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Recipients to be sent to again.
    pub resent: u64,
    /// Recipients that failed: given up, or to be sent to again without an attempt left.
    pub failed: u64,
}

/// A decision about all unknown recipients, or about some.
struct Decision<'a> {
    resolution: Resolution,
    by: &'static str,
    /// The name of the person or program; `None` for a rule.
    actor: Option<&'a str>,
    reason: &'a str,
    /// The reason code of recipients that are given up.
    code: &'static str,
    /// Minimum time for which a recipient is unknown.
    after: Duration,
    seqs: Option<Vec<i32>>,
}

/// Resolves the next unknown recipients. Recipients that their worker records at this moment are skipped, and so are rows of
/// `unknown_recipient` that are listed again at this moment.
///
/// Rows are looked up by key, in arrays and scalar subqueries. Statistics may not contain the campaign, and then the planner
/// would join by reading all rows of the campaign once per row.
pub(crate) static STEP: LazyLock<String> = LazyLock::new(|| expand(include_str!("resolve.sql"), &[]));

impl Store {
    /// Campaigns with recipients that are unknown for the waiting time of the rule. A cancelled campaign resends to nobody, so
    /// it is left out for that rule.
    pub async fn campaigns_to_resolve(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select c.id from campaign c
            where (c.unknown_rule = 'give-up' or (c.unknown_rule = 'resend' and c.state <> 'cancelled'))
                and exists (
                    select from unknown_recipient u
                    where u.campaign_id = c.id and u.since <= clock_timestamp() - c.unknown_after)";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Resolves up to 5,000 recipients that are unknown for the waiting time of the rule. After the deadline they fail instead
    /// of being resent to.
    pub async fn resolve_by_rule(&self, campaign: CampaignId) -> Result<Resolved, Error> {
        // Most receipts are processed before the row of the campaign is locked.
        self.resolve_by_receipts(campaign).await?;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let locked = LockedCampaign::lock(&tx, campaign).await?;
        let resolution = match locked.rule.as_str() {
            "resend" if locked.state == CampaignState::Cancelled => return Ok(Resolved::default()),
            "resend" if !locked.is_over => Resolution::Resend,
            "resend" | "give-up" => Resolution::GiveUp,
            _ => return Ok(Resolved::default()),
        };
        let is_late = locked.rule == "resend" && locked.is_over;
        let decision = Decision {
            resolution,
            by: "rule",
            actor: None,
            reason: if is_late { "resend, but the deadline has passed" } else { &locked.rule },
            code: if is_late { DEADLINE } else { GIVEN_UP },
            after: locked.after,
            seqs: None,
        };
        resolve_by_receipt::resolve_listed(&tx, campaign).await?;
        let resolved = step(&tx, campaign, &locked, &decision).await?;
        tx.commit().await?;
        Ok(resolved)
    }

    /// Resolves all unknown recipients of this campaign, or these, by order of an operator: those that are unknown for
    /// `unknown_for` at least.
    pub async fn resolve_by_operator(
        &self,
        campaign: CampaignId,
        resolution: Resolution,
        (actor, reason): (&str, &str),
        (seqs, unknown_for): (Option<&[Seq]>, Duration),
    ) -> Result<Resolved, Error> {
        let decision = Decision {
            resolution,
            by: "operator",
            actor: Some(actor),
            reason,
            code: GIVEN_UP,
            after: unknown_for,
            seqs: seqs.map(|seqs| seqs.iter().map(|seq| seq.0).collect()),
        };
        let mut total = Resolved::default();
        self.resolve_by_receipts(campaign).await?;
        let mut client = self.client().await?;
        loop {
            let tx = client.transaction().await?;
            let locked = LockedCampaign::lock(&tx, campaign).await?;
            locked.check(campaign, resolution)?;
            resolve_by_receipt::resolve_listed(&tx, campaign).await?;
            let resolved = step(&tx, campaign, &locked, &decision).await?;
            tx.commit().await?;
            if resolved == Resolved::default() {
                return Ok(total);
            }
            total.resent += resolved.resent;
            total.failed += resolved.failed;
        }
    }
}

/// The fields of a campaign that decide about a resolution, read under its lock.
struct LockedCampaign {
    state: CampaignState,
    is_over: bool,
    max_attempts: i32,
    rule: String,
    after: Duration,
}

impl LockedCampaign {
    async fn lock(tx: &Transaction<'_>, campaign: CampaignId) -> Result<Self, Error> {
        let select = "
            select state, coalesce(deadline_at <= clock_timestamp(), false) or erased_at is not null as is_over, unknown_rule,
                extract(epoch from unknown_after)::float8 as after_s,
                (definition #>> '{policy,max_attempts}')::int as max_attempts
            from campaign where id = $1 for update";
        let row: Row =
            tx.query_opt(select, &[&campaign.0]).await?.ok_or_else(|| Error::no_campaign(campaign))?;
        Ok(Self {
            state: row.get::<_, &str>("state").parse().map_err(Error::unreadable)?,
            is_over: row.get("is_over"),
            max_attempts: row.get("max_attempts"),
            rule: row.get("unknown_rule"),
            after: Duration::try_from_secs_f64(row.get("after_s")).map_err(Error::unreadable)?,
        })
    }

    /// Fails if resent recipients would never be sent to.
    fn check(&self, campaign: CampaignId, resolution: Resolution) -> Result<(), Error> {
        let why = match resolution {
            Resolution::Resend if self.state == CampaignState::Cancelled => "is cancelled",
            Resolution::Resend if self.is_over => "is past its deadline",
            Resolution::Resend | Resolution::GiveUp => return Ok(()),
        };
        Err(Error::Conflict(format!(
            "campaign {campaign} {why}, its recipients are not sent to again; resolve them with give-up, or leave them unknown"
        )))
    }
}

async fn step(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    locked: &LockedCampaign,
    decision: &Decision<'_>,
) -> Result<Resolved, Error> {
    let resend = decision.resolution == Resolution::Resend;
    let prepared = tx.prepare_cached(&STEP).await?;
    let row = tx
        .query_one(
            &prepared,
            &[
                &campaign.0,
                &decision.after.as_secs_f64(),
                &decision.seqs,
                &resend,
                &locked.max_attempts,
                &decision.code,
                &decision.by,
                &decision.reason,
                &decision.actor,
            ],
        )
        .await?;
    let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    let resolved = Resolved { resent: count(0), failed: count(1) };
    if resolved.resent > 0 {
        tx.execute(RUN_AGAIN, &[&campaign.0]).await?;
    }
    Ok(resolved)
}
