//! The process that reads a workbook: its limits, and what it does within them.
//!
//! **Invariants.** The system ends this process if it uses more memory or time than allowed. Nothing of it is left
//! then, and the parent process reports why the workbook was refused. The process opens no file, starts no thread and
//! has no settings or keys.

use std::fs::File;
use std::io::{BufReader, BufWriter, Result, Seek, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::list::Counted;
use crate::list::workbook::frame::{Frame, write_row};
use crate::list::xlsx::Xlsx;

/// The memory for reading a workbook, in MiB.
pub(crate) const MEMORY_MIB: u64 = 256;
/// The processor time for reading a workbook, in seconds.
pub(crate) const SECONDS: u64 = 120;
/// The processor time for finding its sheets, in seconds.
pub(crate) const SECONDS_TO_LOOK: u64 = 20;
/// Open files: the three standard ones, and three more.
const FILES: u64 = 6;
/// Rows between two reports of the progress.
const TELL_EVERY: u64 = 1000;

/// What to read of a workbook.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The sheet; without a name the first visible one.
    pub(crate) sheet: Option<String>,
    /// Read hidden rows too.
    pub(crate) include_hidden: bool,
    /// Only find the sheets.
    pub(crate) only_look: bool,
}

/// Reads the workbook on standard input, and writes the requested frames to standard output. The program of a
/// [`WorkbookReader`](crate::WorkbookReader) must call this with its last argument before it does anything else.
pub fn read_workbook(request: &str) -> Result<()> {
    let request: Request = serde_json::from_str(request)?;
    limit(if request.only_look { SECONDS_TO_LOOK } else { SECONDS })?;
    let mut file = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    file.rewind()?;
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    match run(file, &request, &mut out) {
        Ok(()) => {}
        Err(Error::BadList(problem)) => Frame::Refusal(problem).write(&mut out)?,
        Err(error) => return Err(std::io::Error::other(error)),
    }
    out.flush()
}

fn run(file: File, request: &Request, out: &mut impl Write) -> std::result::Result<(), Error> {
    let read = AtomicU64::new(0);
    let mut xlsx = Xlsx::open(BufReader::new(Counted { file, read: &read }))?;
    let choice = xlsx.choose(request.sheet.as_deref())?;
    let text = serde_json::to_string(&choice).map_err(|error| Error::unreadable(error.into()))?;
    Frame::Choice(text).write(out).map_err(Error::unreadable)?;
    if request.only_look {
        return Ok(());
    }
    let mut rows = 0;
    let hidden = xlsx.each_row(choice.index, request.include_hidden, &mut |row| {
        write_row(out, row).map_err(Error::unreadable)?;
        rows += 1;
        if rows % TELL_EVERY == 0 {
            Frame::Read(read.load(Ordering::Relaxed)).write(out).map_err(Error::unreadable)?;
        }
        Ok(true)
    })?;
    Frame::End(hidden).write(out).map_err(Error::unreadable)
}

/// Sets limits that this process cannot raise again.
fn limit(seconds: u64) -> Result<()> {
    let memory = MEMORY_MIB * 1024 * 1024;
    lower(Resource::RLIMIT_CORE, 0, 0)?;
    lower(Resource::RLIMIT_FSIZE, 0, 0)?;
    lower(Resource::RLIMIT_NOFILE, FILES, FILES)?;
    // The soft limit ends the process with a signal that shows the cause.
    lower(Resource::RLIMIT_CPU, seconds, seconds + 5)?;
    lower(Resource::RLIMIT_DATA, memory, memory)?;
    // Some systems do not count all memory as data. The program itself is mapped already.
    match mapped() {
        Some(mapped) => lower(Resource::RLIMIT_AS, mapped + memory, mapped + memory),
        None => Ok(()),
    }
}

/// Lowers a limit; a lower limit is kept.
fn lower(resource: Resource, soft: u64, hard: u64) -> Result<()> {
    let (soft_now, hard_now) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(soft_now), hard.min(hard_now))?)
}

/// Bytes of memory that are mapped now, if the system reports them.
fn mapped() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
