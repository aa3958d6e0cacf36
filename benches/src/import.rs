//! Speed and memory of imports: CSV, gzip and a workbook, by the `flowcast` command.
//!
//! For comparison, storing alone: the same rows, already read and checked, by the same COPY into the same database,
//! including indexes and commit.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context;
use campaign::{CampaignId, Msisdn, Variables};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_xlsxwriter::Workbook;
use store::{LeftOut, ListOrigin};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::figures::{CPU_MICROS, Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::{Flowcast, Ran};
use crate::list;
use crate::output::{line, number, thousands};
use crate::services::Services;
use crate::stand::{Stand, difference};

/// Rows of a batch, and how many batches may wait, as in the producer.
const BATCH: u32 = 1_000;
const WAITING: usize = 8;
/// A workbook has at most 1,048,576 rows; real ones have fewer.
const WORKBOOK_SHARE: u32 = 10;

/// Measures one import of each kind of list with this many rows; a workbook has a tenth of them.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    rows: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::without_roles(services, flowcast).await?;
    let all = list::MEASURED..list::MEASURED + rows;
    let some = list::MEASURED..list::MEASURED + rows / WORKBOOK_SHARE;
    let csv = stand.list(all.clone())?;
    let packed = pack(&csv)?;
    let workbook = write_workbook(&csv.with_extension("xlsx"), some.clone())?;
    for (name, list, rows) in
        [("CSV", csv, rows), ("gzip'ed CSV", packed, rows), ("xlsx", workbook, rows / WORKBOOK_SHARE)]
    {
        let before = stand.cpu()?;
        let id = stand.campaign().await?;
        let arguments = ["campaign", "import", &id.to_string(), &list.display().to_string()];
        let ran = flowcast.run(&arguments, &stand.surroundings, drop).await?;
        check(&stand, id, rows).await?;
        let title = format!("import of {} rows, {name}", thousands(rows));
        add(figures, &title, rows, &ran);
        for (name, cpu) in
            difference(&before, &stand.cpu()?).into_iter().filter(|(name, _)| name == "Postgres")
        {
            figures.add(format!("{title}: {name}"), CPU_MICROS, cpu.as_secs_f64() * 1e6 / f64::from(rows));
        }
    }
    let began = Instant::now();
    let id = stand.campaign().await?;
    copy(&stand, id, all).await?;
    let per_second = f64::from(rows) / began.elapsed().as_secs_f64();
    check(&stand, id, rows).await?;
    figures.add(format!("{} rows, COPY and indexes alone", thousands(rows)), PER_SECOND, per_second);
    line(format!("  COPY and indexes alone {}/s", number(per_second)));
    stand.stop().await
}

fn add(figures: &mut Figures, title: &str, rows: u32, ran: &Ran) {
    let (rows, peak) = (f64::from(rows), f64::from(ran.memory.peak) / 1024.0);
    let per_second = rows / ran.time.as_secs_f64();
    let micros = ran.cpu.as_secs_f64() * 1e6 / rows;
    figures.add(title, PER_SECOND, per_second);
    figures.add(format!("{title}: peak memory"), MEBIBYTES, peak);
    figures.add(format!("{title}: command"), CPU_MICROS, micros);
    line(format!(
        "  {title}: {}/s, {} MiB, {} µs CPU each",
        number(per_second),
        number(peak),
        number(micros)
    ));
}

/// Checks that every row was stored and counted.
async fn check(stand: &Stand, id: CampaignId, rows: u32) -> anyhow::Result<()> {
    let report = stand.store.report(id).await?;
    let is_whole =
        report.uploaded == i64::from(rows) && report.pending == i64::from(rows) && report.difference == 0;
    anyhow::ensure!(is_whole, "{} of {rows} rows were imported", report.pending);
    Ok(())
}

/// Stores rows that are already read and checked.
async fn copy(stand: &Stand, id: CampaignId, rows: Range<u32>) -> anyhow::Result<()> {
    let mut import = stand.store.begin_import(id).await?;
    let (batches, stored) = mpsc::channel(WAITING);
    let feed = tokio::task::spawn_blocking(move || {
        for first in rows.clone().step_by(usize::try_from(BATCH).unwrap_or(1)) {
            let batch = (first..(first + BATCH).min(rows.end)).filter_map(list::row);
            if batches.blocking_send(batch.collect::<Vec<(Msisdn, Variables)>>()).is_err() {
                break;
            }
        }
    });
    import.copy(stored).await?;
    feed.await?;
    let origin =
        ListOrigin { source: "bench".into(), form: "none".into(), sha256: [0; 32], ..ListOrigin::default() };
    import.finish(&origin, LeftOut::default(), std::iter::empty(), None).await?;
    Ok(())
}

/// The same list, compressed with gzip.
fn pack(list: &Path) -> anyhow::Result<PathBuf> {
    let path = list.with_extension("csv.gz");
    let file = BufWriter::new(File::create(&path).context("packing a list")?);
    let mut encoder = GzEncoder::new(file, Compression::default());
    std::io::copy(&mut BufReader::new(File::open(list)?), &mut encoder)?;
    encoder.finish()?.flush()?;
    Ok(path)
}

/// A workbook of these rows, with phone numbers as numeric cells.
fn write_workbook(path: &Path, rows: Range<u32>) -> anyhow::Result<PathBuf> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (line, index) in (1..).zip(rows) {
        let (msisdn, variables) = list::row(index).context("an invalid number")?;
        if line == 1 {
            sheet.write_string(0, 0, "phone")?;
            sheet.write_row(0, 1, variables.0.keys())?;
        }
        sheet.write_number(
            line,
            0,
            f64::from(u32::try_from(msisdn.digits() / 1_000_000)?) * 1e6
                + f64::from(u32::try_from(msisdn.digits() % 1_000_000)?),
        )?;
        sheet.write_row(line, 1, variables.0.values())?;
    }
    workbook.save(path)?;
    Ok(path.to_owned())
}
