//! Importing a list: read and checked on one thread, stored by another, kept only when both came to the end.

pub(crate) mod annotated_list;
pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod header;
pub(crate) mod header_search;
pub(crate) mod numbers;
pub(crate) mod options;
pub(crate) mod rejected_rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use campaign::{CampaignId, Msisdn, Variables};
use failpoint::Place;
use roaring::RoaringTreemap;
use store::{ImportCounts, LeftOut, ListOrigin, Numbers, Store};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::import::annotated_list::Returned;
use crate::import::check::{Checker, Refusal};
use crate::import::header::Header;
use crate::import::header_search::Search;
use crate::import::options::{AnnotatedList, ImportOptions};
use crate::import::rejected_rows::{Rejected, Rejects, rejection};
use crate::list::List;
use crate::list::row::Row;
use crate::list::unclosed_quote;
use crate::reason::Reason;

/// Rows handed over at once, and how many such batches may wait.
const BATCH: usize = 1000;
const WAITING: usize = 8;

/// How far an import came; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows read so far.
    pub rows: AtomicU64,
    /// Bytes of the file read so far.
    pub bytes: AtomicU64,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// The counts.
    pub counts: ImportCounts,
    /// The refused rows, in short.
    pub rejected: Rejected,
    /// Rows of the sheet that were left out because they are hidden; they are not among the counts.
    pub hidden: i32,
    /// What was read from the header.
    pub header: Header,
}

/// Who of a list is not stored though the number is right: people, by one spelling of their numbers.
struct Known {
    /// In the campaign from earlier lists.
    earlier: RoaringTreemap,
    /// In this list, in a row before.
    seen: RoaringTreemap,
    suppressed: RoaringTreemap,
    excluded: RoaringTreemap,
}

/// What becomes of a row.
enum Verdict {
    Recipient(Msisdn, Variables),
    LeftOut(Msisdn, Why),
    Rejected(Refusal),
}

/// Why somebody is left out.
#[derive(Clone, Copy)]
enum Why {
    Repeated,
    Earlier,
    Suppressed,
    Excluded,
}

/// What the reading thread found beside the recipients.
struct Found {
    left_out: LeftOut,
    rejects: Rejects,
    returned: Option<Returned>,
    hidden: i32,
    header: Header,
}

/// Imports a list into a draft campaign, whole or not at all.
pub async fn import(
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
    let known = Known {
        earlier: set(&import, Numbers::OfCampaign(campaign)).await?,
        seen: RoaringTreemap::new(),
        suppressed: set(&import, Numbers::Suppressed).await?,
        excluded: excluded(&import, &options.exclude).await?,
    };
    let (batches, stored) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || read(&list, &options, known, &batches, &progress));
    import.copy(stored).await?;
    let found = reading.await.map_err(|_| {
        Error::BadList("reading the list broke off; nothing was stored, please report this".into())
    })??;
    let (rejected, batches) = found.rejects.batches()?;
    let left_out = LeftOut { rejected: rejected.total(), ..found.left_out };
    let (hidden, header) = (found.hidden, found.header);
    let (number_column, columns) = (header.number.clone(), header.columns.clone());
    let origin = ListOrigin { hidden, number_column: Some(number_column), columns, ..origin };
    let counts = import.finish(&origin, left_out, batches).await?;
    failpoint::pass(Place::AfterImport);
    found.returned.map_or(Ok(()), Returned::finish)?;
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

/// Reads the list to its end, or until the storing side fails, which then says why.
fn read(
    list: &List,
    options: &ImportOptions,
    mut known: Known,
    batches: &mpsc::Sender<Vec<(Msisdn, Variables)>>,
    progress: &Progress,
) -> Result<Found, Error> {
    let mut found = Found {
        left_out: LeftOut::default(),
        rejects: Rejects::new(list.spool())?,
        returned: None,
        hidden: 0,
        header: Header::default(),
    };
    let (mut search, mut checker) = (Search::default(), None);
    let mut batch = Vec::with_capacity(BATCH);
    let hidden = list.each_row(&progress.bytes, &mut |row| {
        let Some(checker) = &checker else {
            let Some(first) = search.read(row, options)? else { return Ok(true) };
            let begin = |to: &AnnotatedList| Returned::begin(to, list.spool(), row, &first.columns);
            found.returned = options.errors.as_ref().map(begin).transpose()?;
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
    refuse_nobody(checker.is_some(), progress, found.hidden)?;
    // Before the commit: without space for the annotated list nothing is imported.
    found.returned.as_mut().map_or(Ok(()), Returned::flush)?;
    // When this is refused, the storing side failed and says why.
    drop(batches.blocking_send(batch));
    Ok(found)
}

/// Refuses a list without rows, which is always somebody's mistake.
fn refuse_nobody(has_header: bool, progress: &Progress, hidden: i32) -> Result<(), Error> {
    let says = match (has_header, progress.rows.load(Ordering::Relaxed)) {
        (false, _) => "the list is empty; its first row must name the columns",
        (true, 0) => "the list has a first row, which names the columns, and nobody below it",
        (true, _) => return Ok(()),
    };
    let hidden = match hidden {
        0 => String::new(),
        n => format!(" ({n} rows of the sheet are hidden; --include-hidden reads them)"),
    };
    Err(Error::BadList(format!("{says}{hidden}")))
}

impl Known {
    /// Decides about a row that was checked.
    fn classify(&mut self, checked: Result<(Msisdn, Variables), Refusal>) -> Verdict {
        let (msisdn, variables) = match checked {
            Ok(recipient) => recipient,
            Err(refusal) => return Verdict::Rejected(refusal),
        };
        // Two spellings of one number are one person.
        let digits = msisdn.person().digits();
        let why = if !self.seen.insert(digits) {
            Why::Repeated
        } else if self.earlier.contains(digits) {
            Why::Earlier
        } else if self.suppressed.contains(digits) {
            Why::Suppressed
        } else if self.excluded.contains(digits) {
            Why::Excluded
        } else {
            return Verdict::Recipient(msisdn, variables);
        };
        Verdict::LeftOut(msisdn, why)
    }
}

impl Found {
    /// Counts what becomes of a row, and gives it back with its error where that is wanted.
    fn note(&mut self, row: &Row, verdict: &Verdict, checker: &Checker) -> Result<(), Error> {
        let counted = &mut self.left_out;
        let (number, error) = match verdict {
            Verdict::Recipient(msisdn, _) => (Some(*msisdn), String::new()),
            Verdict::LeftOut(msisdn, why) => {
                match why {
                    Why::Repeated | Why::Earlier => counted.duplicates += 1,
                    Why::Suppressed => counted.suppressed += 1,
                    Why::Excluded => counted.excluded += 1,
                }
                (Some(*msisdn), why.sentence().to_owned())
            }
            Verdict::Rejected(Refusal { reason, column }) => {
                let rejection = rejection(row, *reason, column.clone(), checker.columns.number);
                let said = rejection_sentence(*reason, column.as_deref());
                self.rejects.push(*reason, rejection)?;
                (None, said)
            }
        };
        match &mut self.returned {
            Some(returned) => returned.write(row, number, &error),
            None => Ok(()),
        }
    }
}

impl Why {
    fn sentence(self) -> &'static str {
        match self {
            Self::Repeated => "the number stands in an earlier row of the list",
            Self::Earlier => "the number is in the campaign already, from an earlier list",
            Self::Suppressed => "the number is on the suppression list",
            Self::Excluded => "the number is in a campaign that was excluded",
        }
    }
}

/// A reason with the column it is about.
fn rejection_sentence(reason: Reason, column: Option<&str>) -> String {
    match column {
        Some(column) => format!("{column}: {}", reason.sentence()),
        None => reason.sentence().to_owned(),
    }
}
