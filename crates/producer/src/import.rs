//! Importing a list: read and checked on one thread, stored by another, kept only when both came to the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use campaign::{CampaignId, Msisdn, Variables};
use roaring::RoaringTreemap;
use store::{ImportCounts, Rejection, Store};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::list::{ImportOptions, List, Row};

/// Rows handed over at once, and how many such batches may wait.
const BATCH: usize = 1000;
const WAITING: usize = 8;

/// How far an import came; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows read so far.
    pub rows: AtomicU64,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// The counts.
    pub counts: ImportCounts,
    /// The refused rows, in the order of the list.
    pub rejections: Vec<Rejection>,
}

/// What the reading thread found beside the recipients.
struct Read {
    duplicates: i32,
    rejections: Vec<Rejection>,
}

/// Imports a list into a draft campaign, whole or not at all.
pub async fn import(
    store: &Store,
    campaign: CampaignId,
    path: &Path,
    options: ImportOptions,
    progress: Arc<Progress>,
) -> Result<ImportReport, Error> {
    let name =
        path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let mut import = store.begin_import(campaign).await?;
    let known = import.numbers().await?.into_iter().map(Msisdn::digits).collect::<RoaringTreemap>();
    let (batches, stored) = mpsc::channel(WAITING);
    let path = PathBuf::from(path);
    let reading = tokio::task::spawn_blocking(move || read(&path, &options, known, &batches, &progress));
    import.copy(stored).await?;
    let Read { duplicates, rejections } = reading.await.map_err(|_| {
        Error::BadList("reading the list broke off; nothing was stored, please report this".into())
    })??;
    let counts = import.finish(&name, duplicates, &rejections).await?;
    Ok(ImportReport { counts, rejections })
}

fn read(
    path: &Path,
    options: &ImportOptions,
    mut known: RoaringTreemap,
    batches: &mpsc::Sender<Vec<(Msisdn, Variables)>>,
    progress: &Progress,
) -> Result<Read, Error> {
    let mut list = List::open(path, options)?;
    let mut found = Read { duplicates: 0, rejections: Vec::new() };
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(row) = list.next()? {
        progress.rows.fetch_add(1, Ordering::Relaxed);
        match row {
            Row::Recipient(msisdn, variables) if known.insert(msisdn.digits()) => {
                batch.push((msisdn, variables));
            }
            Row::Recipient(..) => found.duplicates += 1,
            Row::Rejected { line, reason, cell } => found.rejections.push(Rejection { line, reason, cell }),
        }
        if batch.len() == BATCH && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
            // The storing side failed and says why.
            return Ok(found);
        }
    }
    // When this is refused, the storing side failed and says why.
    drop(batches.blocking_send(batch));
    Ok(found)
}
