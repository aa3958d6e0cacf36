//! Maintenance jobs. Once a second: whether the database is the confirmed one, leases of dead workers, deadlines, sending hours,
//! `unknown` recipients, daily caps and the folding of counters. Every 20 seconds: recipients whose claim is lost. Once an hour: the
//! volumes of recipients.
//!
//! **Invariant.** Each job has its own task and its own backoff, and within a job each sender or campaign has its own
//! result. A job that waits for a lock, or a campaign whose statement fails, delays no other.
//!
//! Every producer runs every job. Two at once do no harm, because each statement changes only rows that are still in
//! the expected state.

use std::fmt::Display;
use std::time::Duration;

use store::{DatabaseCheck, Error, Resolved, Store, VolumeLimits};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics;
use crate::retry_pause::pause_after;

/// The pause between two runs of a job.
const PERIOD: Duration = Duration::from_secs(1);
/// The pause between two runs of [`Job::EndLostClaims`].
const LOST_CLAIMS_PERIOD: Duration = Duration::from_secs(20);
/// The pause between two runs of [`Job::RotateVolumes`] and [`Job::RemoveOldRows`].
const SLOW_PERIOD: Duration = Duration::from_hours(1);

/// How often a success is noted.
const NOTED_EVERY: Duration = Duration::from_secs(15);

/// A periodic job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Holds all senders if the database is not the confirmed one, or confirms it if the settings trust the failover.
    CheckDatabase,
    /// Makes recipients of dead workers `unknown`, for the senders that this producer feeds.
    ExpireClaims,
    /// Makes recipients `unknown` that are `sending` and in no claim.
    EndLostClaims,
    /// Ends campaigns whose deadline has passed.
    ExpireCampaigns,
    /// Ends the recipients of cancelled campaigns whose cancellation was interrupted.
    FinishCancellations,
    /// Moves campaigns to their next sending hours.
    OpenHours,
    /// Ends recipients that were returned after the end of their campaign.
    EndStragglers,
    /// Resolves `unknown` recipients by delivery receipts.
    ResolveByReceipts,
    /// Sends the template to recipients whose flow met a closed window.
    FallBack,
    /// Resolves `unknown` recipients by the rule of their campaign.
    ResolveByRule,
    /// Folds counter deltas.
    FoldCounters,
    /// Opens senders whose daily cap allows more recipients.
    OpenCappedSenders,
    /// Rotates volumes, and drops volumes whose campaigns are all archived.
    RotateVolumes,
    /// Removes ended sessions, old links, old failures of log-ins, results of requests that can no longer be repeated, and events that
    /// are older than 30 days.
    RemoveOldRows,
}

const JOBS: [Job; 14] = [
    Job::CheckDatabase,
    Job::ExpireClaims,
    Job::EndLostClaims,
    Job::ExpireCampaigns,
    Job::FinishCancellations,
    Job::OpenHours,
    Job::EndStragglers,
    Job::ResolveByReceipts,
    Job::FallBack,
    Job::ResolveByRule,
    Job::FoldCounters,
    Job::OpenCappedSenders,
    Job::RotateVolumes,
    Job::RemoveOldRows,
];

/// Runs all jobs until `shutdown`.
pub(crate) async fn run(producer: Uuid, store: Store, shutdown: CancellationToken) {
    let mut tasks = JoinSet::new();
    for job in JOBS {
        tasks.spawn(repeat(job, producer, store.clone(), shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(error = &error as &dyn std::error::Error, "a maintenance job failed: {error}");
        }
    }
}

async fn repeat(job: Job, producer: Uuid, store: Store, shutdown: CancellationToken) {
    let (mut failures, mut noted_at) = (0_u16, None);
    loop {
        let begun = Instant::now();
        let ran = job.run(producer, &store).await;
        metrics::count_maintenance(job.word(), begun.elapsed().as_secs_f64(), ran.is_ok());
        note(job, &store, &ran, &mut noted_at).await;
        let pause = match ran {
            Ok(()) => {
                failures = 0;
                job.period()
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    failures,
                    "{} failed and is tried again: {error}",
                    job.name()
                );
                PERIOD.max(pause_after(failures))
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Stores how a run went, for `report.maintenance`: each failure, and successes from time to time.
async fn note(job: Job, store: &Store, ran: &Result<(), Error>, noted_at: &mut Option<Instant>) {
    let is_noted = noted_at.is_some_and(|at| at.elapsed() < NOTED_EVERY);
    if ran.is_ok() && is_noted {
        return;
    }
    let error = ran.as_ref().err().map(ToString::to_string);
    match store.note_maintenance(job.word(), job.period(), error.as_deref()).await {
        // The next success is noted at once.
        Ok(()) => *noted_at = ran.is_ok().then(Instant::now),
        Err(error) => tracing::debug!("cannot note how {} went: {error}", job.name()),
    }
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::CheckDatabase => "comparing the database with the confirmed one",
            Self::ExpireClaims => "expiring the claims of dead workers",
            Self::EndLostClaims => "ending recipients whose claim is lost",
            Self::ExpireCampaigns => "ending campaigns past their deadline",
            Self::FinishCancellations => "ending recipients of cancelled campaigns",
            Self::OpenHours => "opening the next sending hours",
            Self::EndStragglers => "ending recipients of campaigns that have ended",
            Self::ResolveByReceipts => "resolving unknown recipients by receipts",
            Self::FallBack => "falling back to templates",
            Self::ResolveByRule => "resolving unknown recipients by their campaign's rule",
            Self::FoldCounters => "folding counters",
            Self::OpenCappedSenders => "opening senders whose daily cap allows more recipients",
            Self::RotateVolumes => "rotating volumes and dropping archived volumes",
            Self::RemoveOldRows => "removing old sessions, jobs, results of repeated requests, and events",
        }
    }

    /// The word in metrics.
    fn word(self) -> &'static str {
        match self {
            Self::CheckDatabase => "check_database",
            Self::ExpireClaims => "expire_claims",
            Self::EndLostClaims => "end_lost_claims",
            Self::ExpireCampaigns => "expire_campaigns",
            Self::FinishCancellations => "finish_cancellations",
            Self::OpenHours => "open_hours",
            Self::EndStragglers => "end_stragglers",
            Self::ResolveByReceipts => "resolve_by_receipts",
            Self::FallBack => "fall_back",
            Self::ResolveByRule => "resolve_by_rule",
            Self::FoldCounters => "fold_counters",
            Self::OpenCappedSenders => "open_capped_senders",
            Self::RotateVolumes => "rotate_volumes",
            Self::RemoveOldRows => "remove_old_rows",
        }
    }

    fn period(self) -> Duration {
        match self {
            Self::RotateVolumes | Self::RemoveOldRows => SLOW_PERIOD,
            Self::EndLostClaims => LOST_CLAIMS_PERIOD,
            _ => PERIOD,
        }
    }

    async fn run(self, producer: Uuid, store: &Store) -> Result<(), Error> {
        match self {
            Self::CheckDatabase => check_database(store).await,
            Self::ExpireClaims => expire_claims(producer, store).await,
            Self::EndLostClaims => end_lost_claims(store).await,
            Self::ExpireCampaigns => expire_campaigns(store).await,
            Self::FinishCancellations => finish_cancellations(store).await,
            Self::OpenHours => open_hours(store).await,
            Self::EndStragglers => end_stragglers(store).await,
            Self::ResolveByReceipts => resolve_by_receipts(store).await,
            Self::FallBack => fall_back(store).await,
            Self::ResolveByRule => resolve_by_rule(store).await,
            Self::FoldCounters => store.fold_counters().await,
            Self::OpenCappedSenders => open_capped_senders(store).await,
            Self::RotateVolumes => rotate_volumes(store).await,
            Self::RemoveOldRows => remove_old_rows(store).await,
        }
    }
}

/// Removes at most 10,000 rows of each kind at a time.
async fn remove_old_rows(store: &Store) -> Result<(), Error> {
    while store.forget_requests().await?
        + store.forget_log_ins().await?
        + store.forget_jobs().await?
        + store.forget_events().await?
        > 0
    {}
    Ok(())
}

/// The results of a job for each sender or campaign: the first error is returned, after the others had their turn.
#[derive(Default)]
struct Results {
    failure: Option<Error>,
}

impl Results {
    /// The value, or `None` for an error. The first error is kept; later ones are logged with their subject.
    fn keep<T>(&mut self, subject: impl Display, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| {
                if self.failure.is_some() {
                    tracing::warn!(error = &error as &dyn std::error::Error, "{subject}: {error}");
                } else {
                    tracing::debug!("{subject}: {error}");
                    self.failure = Some(error);
                }
            })
            .ok()
    }

    fn end(self) -> Result<(), Error> {
        self.failure.map_or(Ok(()), Err)
    }
}

async fn check_database(store: &Store) -> Result<(), Error> {
    match store.check_database().await? {
        DatabaseCheck::Confirmed | DatabaseCheck::Held { held: 0, .. } => {}
        DatabaseCheck::Trusted { resumed } => tracing::warn!(
            resumed = resumed.len(),
            "PostgreSQL failed over, and commits had waited for a synchronous standby until then, so the database is confirmed \
             (trust-synchronous); {} senders were resumed",
            resumed.len()
        ),
        DatabaseCheck::Held { held, distrust } => {
            let distrust =
                distrust.map(|reason| format!("; it is not trusted: {reason}")).unwrap_or_default();
            tracing::error!(
                held,
                "the database is not the one that was confirmed, because PostgreSQL failed over or a backup was restored; {held} senders \
                 were held and nothing is sent{distrust}; 'flowcast database show' shows the difference"
            );
        }
    }
    Ok(())
}

async fn end_lost_claims(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.campaigns_with_sending().await? {
        let ended = store.end_lost_claims(campaign).await;
        if let Some(ended @ 1..) = results.keep(format_args!("campaign {campaign}"), ended) {
            tracing::warn!(
                campaign.id = %campaign, ended,
                "the claims of {ended} recipients of campaign {campaign} are lost; the recipients became unknown"
            );
        }
    }
    results.end()
}

async fn expire_claims(producer: Uuid, store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for (sender, name) in store.fed_senders(producer).await? {
        let expired = store.expire_claims(sender).await;
        if let Some(expired @ 1..) = results.keep(format_args!("sender {sender}"), expired) {
            tracing::warn!(sender.id = %sender, expired, "a worker died; {expired} recipients became unknown");
            metrics::count_expired_claims(&name, expired);
        }
    }
    results.end()
}

async fn expire_campaigns(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.overdue_campaigns().await? {
        let expired = store.expire_campaign(campaign).await;
        if let Some(expired @ 1..) = results.keep(format_args!("campaign {campaign}"), expired) {
            tracing::info!(campaign.id = %campaign, expired, "the deadline of campaign {campaign} has passed");
        }
    }
    results.end()
}

async fn finish_cancellations(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.campaigns_to_cancel().await? {
        let ended = store.continue_cancellation(campaign).await;
        results.keep(format_args!("campaign {campaign}"), ended);
    }
    results.end()
}

async fn open_hours(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for (campaign, next) in store.campaigns_out_of_hours().await? {
        let opened = store.open_next_hours(campaign, next).await;
        if results.keep(format_args!("campaign {campaign}"), opened) == Some(true) {
            tracing::info!(
                campaign.id = %campaign, next = next.map(|next| tracing::field::display(next.from)),
                "the sending hours of campaign {campaign} have ended"
            );
        }
    }
    results.end()
}

async fn end_stragglers(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.ended_campaigns_with_due().await? {
        let ended = store.end_stragglers(campaign).await;
        if let Some(ended) = results.keep(format_args!("campaign {campaign}"), ended) {
            tracing::info!(campaign.id = %campaign, ended, "recipients of campaign {campaign} were returned after its end");
        }
    }
    results.end()
}

async fn resolve_by_receipts(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.campaigns_to_resolve_by_receipt().await? {
        let resolved = store.resolve_by_receipts(campaign).await;
        if let Some(resolved @ 1..) = results.keep(format_args!("campaign {campaign}"), resolved) {
            tracing::info!(campaign.id = %campaign, resolved, "receipts resolved {resolved} recipients of campaign {campaign}");
        }
    }
    results.end()
}

async fn fall_back(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.campaigns_to_fall_back().await? {
        let fell_back = store.fall_back(campaign).await;
        if let Some(recipients @ 1..) = results.keep(format_args!("campaign {campaign}"), fell_back) {
            tracing::info!(
                campaign.id = %campaign, recipients,
                "{recipients} recipients of campaign {campaign} get the template, because their window was closed"
            );
        }
    }
    results.end()
}

async fn resolve_by_rule(store: &Store) -> Result<(), Error> {
    let mut results = Results::default();
    for campaign in store.campaigns_to_resolve().await? {
        let resolved = store.resolve_by_rule(campaign).await;
        if let Some(Resolved { resent, failed }) = results.keep(format_args!("campaign {campaign}"), resolved)
            && resent + failed > 0
        {
            tracing::info!(
                campaign.id = %campaign, resent, failed,
                "unknown recipients of campaign {campaign} were resolved by its rule: {resent} are due again, \
                 {failed} failed"
            );
        }
    }
    results.end()
}

async fn open_capped_senders(store: &Store) -> Result<(), Error> {
    if store.open_capped_senders().await? > 0 {
        tracing::info!("senders were opened: their daily cap allows more recipients");
    }
    Ok(())
}

async fn rotate_volumes(store: &Store) -> Result<(), Error> {
    store.rotate_volume(VolumeLimits::default()).await?;
    let dropped = store.drop_retired_volumes().await?;
    if dropped > 0 {
        tracing::info!(dropped, "dropped the tables of volumes whose campaigns are all archived");
    }
    Ok(())
}
