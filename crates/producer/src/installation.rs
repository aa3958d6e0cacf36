//! The metrics of the installation: each series comes from one process, the producer that feeds the sender. Those without a sender come
//! from the producer that feeds the first sender; those of the standbys come from every producer, because no feed is held while commits wait.
//!
//! **Invariant.** A producer that cannot read PostgreSQL for longer than [`KEPT`] shows nothing but the age, because another producer may
//! feed its senders meanwhile.

pub(crate) mod metrics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use store::{Error, Measure, Store};
use telemetry::{Gauges, Instrument, Rows, render_once, replace_together};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::installation::metrics::{AGE, GAUGES, INSTRUMENTS};

/// The pause between two readings.
const EVERY: Duration = Duration::from_secs(5);
/// How many readings pass until the size of the database is read again.
const SIZE_EVERY: u32 = 12;
/// How long a reading is shown.
const KEPT: Duration = Duration::from_secs(15);
/// The measure that is not part of every reading.
const SIZE: &str = "database_bytes";
/// A measure that the process has that shows the size.
const WITH_SIZE: &str = "database_confirmed";
/// The prefix of all names.
const PREFIX: &str = "flowcast_";

/// When the last reading succeeded.
static READ_AT: Mutex<Option<Instant>> = Mutex::new(None);
/// Ready messages in the queues of the senders, by name.
static QUEUES: Mutex<BTreeMap<String, f64>> = Mutex::new(BTreeMap::new());

/// Notes the ready messages in the queue of a sender.
pub(crate) fn note_queue(sender: &str, ready: usize) {
    let ready = f64::from(u32::try_from(ready).unwrap_or(u32::MAX));
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    match queues.get_mut(sender) {
        Some(known) => *known = ready,
        None => drop(queues.insert(sender.to_owned(), ready)),
    }
}

/// Reads and shows the metrics until `shutdown`.
pub(crate) async fn run(producer: Uuid, store: Store, campaigns: usize, shutdown: CancellationToken) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| telemetry::on_scrape(show_age));
    let mut size = None;
    let mut readings = 0_u32;
    loop {
        let read = read_fed(producer, &store, campaigns, readings.is_multiple_of(SIZE_EVERY)).await;
        match read {
            Ok(mut measures) => {
                readings += 1;
                match measures.iter().find(|measure| measure.name == SIZE) {
                    Some(read) => size = Some(read.clone()),
                    None if measures.iter().any(|measure| measure.name == WITH_SIZE) => {
                        measures.extend(size.clone());
                    }
                    None => {}
                }
                show(&measures);
                *READ_AT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the metrics of the installation cannot be read and are read again: {error}"
                );
                let read_at = *READ_AT.lock().unwrap_or_else(PoisonError::into_inner);
                if read_at.is_none_or(|at| at.elapsed() > KEPT) {
                    show(&[]);
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    // Another producer takes the feeds.
    show(&[]);
}

/// The measures of the senders that this producer feeds.
async fn read_fed(
    producer: Uuid,
    store: &Store,
    campaigns: usize,
    with_size: bool,
) -> Result<Vec<Measure>, Error> {
    let fed = store.fed_senders(producer).await?;
    if fed.is_empty() {
        return store.measure_standbys().await;
    }
    let ids: Vec<_> = fed.iter().map(|(id, _)| *id).collect();
    let most = i64::try_from(campaigns).unwrap_or(i64::MAX);
    let mut measures = store.measure_senders(&ids, most).await?;
    if store.first_sender().await?.is_some_and(|first| ids.contains(&first)) {
        measures.extend(store.measure_database(with_size).await?);
    } else {
        measures.extend(store.measure_standbys().await?);
    }
    let queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    measures.extend(fed.into_iter().filter_map(|(_, name)| {
        let value = *queues.get(&name)?;
        Some(Measure { name: "queue_ready".to_owned(), labels: vec![name], value })
    }));
    Ok(measures)
}

/// Replaces all series by these.
fn show(measures: &[Measure]) {
    let rows_of = |gauge: &'static Gauges| -> Rows<'_> {
        let name = gauge.name().strip_prefix(PREFIX);
        let of_gauge = measures.iter().filter(|measure| Some(&*measure.name) == name);
        of_gauge.map(|measure| (measure.labels.iter().map(String::as_str).collect(), measure.value)).collect()
    };
    let of_reading = GAUGES.iter().filter(|gauge| gauge.name() != AGE.name());
    let rows: Vec<_> = of_reading.map(|gauge| (*gauge, rows_of(gauge))).collect();
    replace_together(&rows);
}

fn show_age() {
    let read_at = *READ_AT.lock().unwrap_or_else(PoisonError::into_inner);
    let age = read_at.map(|at| (Vec::new(), at.elapsed().as_secs_f64()));
    replace_together(&[(&AGE, age.into_iter().collect())]);
}

/// Why the metrics cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// PostgreSQL did not give them.
    #[error(transparent)]
    Store(#[from] Error),
    /// The text could not be written.
    #[error("the metrics cannot be written: {0}")]
    Text(#[from] fmt::Error),
}

/// The metrics of all senders, read once, in the text format of Prometheus. The depths of the queues are known to producers only.
pub async fn installation_metrics(store: &Store, campaigns: usize) -> Result<String, PrintError> {
    let ids: Vec<_> = store.senders().await?.into_iter().map(|sender| sender.id).collect();
    let most = i64::try_from(campaigns).unwrap_or(i64::MAX);
    let mut measures = store.measure_senders(&ids, most).await?;
    measures.extend(store.measure_database(true).await?);
    let instruments: Vec<_> = INSTRUMENTS.iter().copied().filter(|one| one.name() != AGE.name()).collect();
    show(&measures);
    Ok(render_once(&instruments)?)
}
