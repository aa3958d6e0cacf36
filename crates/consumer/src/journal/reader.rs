//! Reads the journals of workers that died, and gives back the recipients whose requests never left.
//!
//! **Invariants.** A reader that dies in between does no harm: recipients are given back only while they are `sending` under the claim,
//! and the file is removed last. Recipients whose requests may have left stay `sending`, and become `unknown` when the lease of
//! their claim ends.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::{ClaimId, Outcome, Refusal, Seq};
use store::{DeadClaim, RecordedOutcome, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::file::JournalFile;
use super::is_journal;
use super::layout::Contents;
use crate::metrics::RETURNED_BY_JOURNAL;

/// How often a worker looks for journals of dead workers.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a journal is read again: PostgreSQL, or a pooler in front of it, may commit a claim shortly after its worker died.
const READ_FOR: Duration = Duration::from_secs(10);
const NOT_SENT: Refusal = Refusal::own("worker_stopping");

/// Recipients of a dead worker.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recipients {
    /// Given back, because their requests never left.
    returned: u64,
    /// Their requests may have left.
    departed: usize,
}

/// Looks for journals until `shutdown`, at once and then every few seconds.
pub(crate) async fn follow((directory, boot): (PathBuf, Uuid), store: Store, shutdown: CancellationToken) {
    let mut reader = Reader { store, boot, since: HashMap::new() };
    while !shutdown.is_cancelled() {
        if let Err(error) = reader.look(&directory).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the departure journals in {}; retrying: {error}",
                directory.display()
            );
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

struct Reader {
    store: Store,
    boot: Uuid,
    /// When each journal was read for the first time.
    since: HashMap<PathBuf, Instant>,
}

impl Reader {
    async fn look(&mut self, directory: &Path) -> io::Result<()> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if is_journal(&path) {
                paths.push(path);
            }
        }
        self.since.retain(|path, _| paths.contains(path));
        for path in paths {
            let name = path.display().to_string();
            if let Err(error) = self.read(path).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot read or remove the departure journal {name}; retrying: {error}"
                );
            }
        }
        Ok(())
    }

    /// Reads a journal whose worker died. If PostgreSQL does not answer, the file stays.
    async fn read(&mut self, path: PathBuf) -> io::Result<()> {
        let Some(file) = JournalFile::open_abandoned(&path)? else { return Ok(()) };
        let contents = match Contents::read(&file.read()?, (self.boot, file.inode()?)) {
            Ok(contents) => contents,
            Err(reason) => {
                tracing::info!(
                    "the departure journal {} is not used and is removed: {reason}",
                    path.display()
                );
                return file.remove();
            }
        };
        let (recipients, ended) = give_back(&self.store, &contents).await;
        report(&contents, &recipients);
        if let Err(error) = ended {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot give back the recipients of a worker that died; retrying: {error}"
            );
            return Ok(());
        }
        if self.since.entry(path).or_insert_with(Instant::now).elapsed() < READ_FOR {
            Ok(())
        } else {
            file.remove()
        }
    }
}

fn report(contents: &Contents, Recipients { returned, departed }: &Recipients) {
    if *returned == 0 {
        return;
    }
    RETURNED_BY_JOURNAL.with(&[]).inc_by(*returned);
    tracing::warn!(
        sender.id = %contents.identity.sender, returned, departed,
        "a worker died; its departure journal gave back {returned} recipients to whom nothing was sent; {departed} recipients may have \
         been sent to and become unknown when the leases of their claims end"
    );
}

/// Gives back the recipients of the worker's open claims whose requests never left. A claim that fails does not delay the others.
async fn give_back(store: &Store, contents: &Contents) -> (Recipients, Result<(), store::Error>) {
    let (sender, worker) = (contents.identity.sender, contents.identity.worker);
    let (mut recipients, mut ended) = (Recipients::default(), Ok(()));
    let claims = match store.claims_of_dead_worker(sender, worker).await {
        Ok(claims) => claims,
        Err(error) => return (recipients, Err(error)),
    };
    for DeadClaim { campaign, id, sending } in claims {
        let never_left = contents.never_left(id, &sending).unwrap_or_default();
        recipients.departed += sending.len() - never_left.len();
        if never_left.is_empty() {
            continue;
        }
        let closed = if never_left.len() == sending.len() { vec![id] } else { Vec::new() };
        let outcomes: Vec<RecordedOutcome> = never_left.into_iter().map(|seq| not_sent(id, seq)).collect();
        match store.record(sender, campaign, &outcomes, &closed).await {
            Ok(recorded) => recipients.returned += recorded.changed,
            Err(error) => ended = Err(error),
        }
    }
    (recipients, ended)
}

/// The outcome of a recipient whose request never left.
fn not_sent(claim: ClaimId, seq: Seq) -> RecordedOutcome {
    let outcome = Outcome::Retry { after: Duration::ZERO, counted: false, reason: NOT_SENT.into() };
    RecordedOutcome { claim, seq, outcome, request: None }
}
