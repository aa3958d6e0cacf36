//! Imports a list: one thread reads and checks it, another stores it, and both must succeed before the commit.

pub(crate) mod annotated_list;
pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod header;
pub(crate) mod header_search;
pub(crate) mod numbers;
pub(crate) mod options;
pub(crate) mod refused;
pub(crate) mod rejected_rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use campaign::{CampaignId, Msisdn, Variables};
use failpoint::Place;
use roaring::RoaringTreemap;
use store::{ImportCounts, LeftOut, ListOrigin, Numbers, Store};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::import::annotated_list::AnnotatedListWriter;
use crate::import::check::{Checker, Refusal};
use crate::import::header::Header;
use crate::import::header_search::Search;
use crate::import::options::{AnnotatedList, ImportOptions};
use crate::import::rejected_rows::{Rejected, Rejects, rejection};
use crate::list::List;
use crate::list::row::Row;
use crate::list::unclosed_quote;
use crate::reason::Reason;

/// Rows in a batch, and how many batches may wait.
const BATCH: usize = 1000;
const WAITING: usize = 8;

/// The progress of an import, shared with the code that shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows read so far.
    pub rows: AtomicU64,
    /// Bytes of the file read so far.
    pub bytes: AtomicU64,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// The counts.
    pub counts: ImportCounts,
    /// A summary of the rejected rows.
    pub rejected: Rejected,
    /// Rows of the sheet that were ignored because they are hidden; the counts do not include them.
    pub hidden: i32,
    /// What was read from the header.
    pub header: Header,
}

/// People whose rows are not stored although the number is valid, by [`Msisdn::person`].
struct KnownNumbers {
    /// Recipients of the campaign from earlier lists.
    earlier: RoaringTreemap,
    /// Recipients in earlier rows of this list.
    seen: RoaringTreemap,
    suppressed: RoaringTreemap,
    excluded: RoaringTreemap,
}

/// The decision about one row.
enum Verdict {
    Recipient(Msisdn, Variables),
    LeftOut(Msisdn, Exclusion),
    Rejected(Refusal),
}

/// Why a valid row is left out.
#[derive(Clone, Copy)]
enum Exclusion {
    Repeated,
    Earlier,
    Suppressed,
    Excluded,
}

/// What the reading thread collects besides the recipients.
struct Found {
    left_out: LeftOut,
    rejects: Rejects,
    annotated: Option<AnnotatedListWriter>,
    hidden: i32,
    header: Header,
}

/// Imports a list into a draft campaign, completely or not at all.
async fn import_whole(
    store: &Store,
    campaign: CampaignId,
    list: List,
    options: ImportOptions,
    progress: Arc<Progress>,
) -> Result<ImportReport, Error> {
    let origin = ListOrigin {
        source: list.name().to_owned(),
        form: list.to_string(),
        sha256: *list.sha256(),
        ..ListOrigin::default()
    };
    let mut import = store.begin_import(campaign).await?;
    if !options.again {
        import.refuse_again(&origin).await?;
    }
    let known = KnownNumbers {
        earlier: set(&import, Numbers::OfCampaign(campaign)).await?,
        seen: RoaringTreemap::new(),
        suppressed: set(&import, Numbers::Suppressed).await?,
        excluded: excluded(&import, &options.exclude).await?,
    };
    let record = options.record.clone();
    let (batches, stored) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || read(&list, &options, known, &batches, &progress));
    import.copy(stored).await?;
    let found = reading.await.map_err(|_| {
        Error::BadList(
            "the thread that reads the list panicked; nothing was stored; report this as a defect".into(),
        )
    })??;
    let (rejected, batches) = found.rejects.batches()?;
    let left_out = LeftOut { rejected: rejected.total(), ..found.left_out };
    let (hidden, header) = (found.hidden, found.header);
    let (number_column, columns) = (header.number.clone(), header.columns.clone());
    let reasons = rejected.reasons.iter().map(|(reason, n)| (reason.word(), *n)).collect();
    let number_column = Some(number_column);
    let origin = ListOrigin { hidden, number_column, columns, header: header.to_string(), reasons, ..origin };
    let counts = import.finish(&origin, left_out, batches, record.as_ref()).await?;
    failpoint::pass(Place::AfterImport);
    found.annotated.map_or(Ok(()), AnnotatedListWriter::finish)?;
    Ok(ImportReport { counts, rejected, hidden, header })
}

async fn excluded(import: &store::Import, campaigns: &[CampaignId]) -> Result<RoaringTreemap, Error> {
    let mut excluded = RoaringTreemap::new();
    for campaign in campaigns {
        excluded |= set(import, Numbers::OfCampaign(*campaign)).await?;
    }
    Ok(excluded)
}

async fn set(import: &store::Import, numbers: Numbers) -> Result<RoaringTreemap, Error> {
    let mut set = RoaringTreemap::new();
    import
        .each_number(numbers, |msisdn| {
            set.insert(msisdn.person().digits());
        })
        .await?;
    Ok(set)
}

/// Reads the list to its end, or until the storing side fails and reports the error.
fn read(
    list: &List,
    options: &ImportOptions,
    mut known: KnownNumbers,
    batches: &mpsc::Sender<Vec<(Msisdn, Variables)>>,
    progress: &Progress,
) -> Result<Found, Error> {
    let mut found = Found {
        left_out: LeftOut::default(),
        rejects: Rejects::new(list.spool())?,
        annotated: None,
        hidden: 0,
        header: Header::default(),
    };
    let (mut search, mut checker) = (Search::default(), None);
    let mut batch = Vec::with_capacity(BATCH);
    let hidden = list.each_row(&progress.bytes, &mut |row| {
        let Some(checker) = &checker else {
            let Some(first) = search.read(row, options)? else { return Ok(true) };
            let begin =
                |to: &AnnotatedList| AnnotatedListWriter::begin(to, list.spool(), row, &first.columns);
            found.annotated = options.errors.as_ref().map(begin).transpose()?;
            found.header = first.columns.header.clone();
            checker = Some(first);
            return Ok(true);
        };
        progress.rows.fetch_add(1, Ordering::Relaxed);
        unclosed_quote::refuse(row, checker.shape())?;
        let verdict = known.classify(checker.check(row));
        found.note(row, &verdict, checker)?;
        if let Verdict::Recipient(msisdn, variables) = verdict {
            batch.push((msisdn, variables));
        }
        if batch.len() < BATCH {
            return Ok(true);
        }
        failpoint::pass(Place::WhileImporting);
        Ok(batches.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok())
    })?;
    search.end()?;
    found.hidden = i32::try_from(hidden).unwrap_or(i32::MAX);
    refuse_empty_list(checker.is_some(), progress, found.hidden)?;
    // Before the commit: if the annotated list does not fit on the disk, nothing is imported.
    found.annotated.as_mut().map_or(Ok(()), AnnotatedListWriter::flush)?;
    // If the channel is closed, the storing side failed and reports the error.
    drop(batches.blocking_send(batch));
    Ok(found)
}

/// Refuses a list without rows, which is always a mistake.
fn refuse_empty_list(has_header: bool, progress: &Progress, hidden: i32) -> Result<(), Error> {
    let problem = match (has_header, progress.rows.load(Ordering::Relaxed)) {
        (false, _) => "the list is empty; its first row must name the columns",
        (true, 0) => "the list has a header row, but no rows below it",
        (true, _) => return Ok(()),
    };
    let hidden = match hidden {
        0 => String::new(),
        n => format!(" ({n} rows of the sheet are hidden; --include-hidden reads them)"),
    };
    Err(Error::BadList(format!("{problem}{hidden}")))
}

impl KnownNumbers {
    /// Decides about a checked row.
    fn classify(&mut self, checked: Result<(Msisdn, Variables), Refusal>) -> Verdict {
        let (msisdn, variables) = match checked {
            Ok(recipient) => recipient,
            Err(refusal) => return Verdict::Rejected(refusal),
        };
        // Two spellings of one number are one person.
        let digits = msisdn.person().digits();
        let why = if !self.seen.insert(digits) {
            Exclusion::Repeated
        } else if self.earlier.contains(digits) {
            Exclusion::Earlier
        } else if self.suppressed.contains(digits) {
            Exclusion::Suppressed
        } else if self.excluded.contains(digits) {
            Exclusion::Excluded
        } else {
            return Verdict::Recipient(msisdn, variables);
        };
        Verdict::LeftOut(msisdn, why)
    }
}

impl Found {
    /// Counts the decision about a row, and adds the row with its error to the annotated list if there is one.
    fn note(&mut self, row: &Row, verdict: &Verdict, checker: &Checker) -> Result<(), Error> {
        let counted = &mut self.left_out;
        let (number, error) = match verdict {
            Verdict::Recipient(msisdn, _) => (Some(*msisdn), String::new()),
            Verdict::LeftOut(msisdn, why) => {
                match why {
                    Exclusion::Repeated | Exclusion::Earlier => counted.duplicates += 1,
                    Exclusion::Suppressed => counted.suppressed += 1,
                    Exclusion::Excluded => counted.excluded += 1,
                }
                (Some(*msisdn), why.sentence().to_owned())
            }
            Verdict::Rejected(Refusal { reason, column }) => {
                let rejection = rejection(row, *reason, column.clone(), checker.columns.number);
                let sentence = rejection_sentence(*reason, column.as_deref());
                self.rejects.push(*reason, rejection)?;
                (None, sentence)
            }
        };
        match &mut self.annotated {
            Some(annotated) => annotated.write(row, number, &error),
            None => Ok(()),
        }
    }
}

impl Exclusion {
    fn sentence(self) -> &'static str {
        match self {
            Self::Repeated => "the number is also in an earlier row of the list",
            Self::Earlier => "the number is in the campaign already, from an earlier list",
            Self::Suppressed => "the number is on the suppression list",
            Self::Excluded => "the number is in a campaign that was excluded",
        }
    }
}

/// The sentence of a reason, with the column it concerns.
fn rejection_sentence(reason: Reason, column: Option<&str>) -> String {
    match column {
        Some(column) => format!("{column}: {}", reason.sentence()),
        None => reason.sentence().to_owned(),
    }
}
