//! The process that reads a workbook: its limits, and what it does inside them.
//!
//! **Invariants.** The system ends this process when it takes more memory or time than it may have; nothing of it is left then, and
//! the process that wanted the workbook says why it was refused. It opens no file, starts no thread and knows no setting or key.

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

/// Memory that reading a workbook may take, in MiB.
pub(crate) const MEMORY_MIB: u64 = 256;
/// Processor time that reading a workbook may take, in seconds.
pub(crate) const SECONDS: u64 = 120;
/// Processor time that finding out its sheets may take, in seconds.
pub(crate) const SECONDS_TO_LOOK: u64 = 20;
/// Open files: the three standard ones, and as many again.
const FILES: u64 = 6;
/// Rows between two words about how far it is.
const TELL_EVERY: u64 = 1000;

/// What is wanted of a workbook.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The sheet; without a name the first one that is shown.
    pub(crate) sheet: Option<String>,
    /// Hidden rows are read as well.
    pub(crate) include_hidden: bool,
    /// Only which sheets there are.
    pub(crate) only_look: bool,
}

/// Reads the workbook that standard input is, and writes what was wanted to standard output. This is what the program that
/// [`WorkbookReader`](crate::WorkbookReader) names does with its last argument, before anything else.
pub fn read_workbook(request: &str) -> Result<()> {
    let request: Request = serde_json::from_str(request)?;
    limit(if request.only_look { SECONDS_TO_LOOK } else { SECONDS })?;
    let mut file = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    file.rewind()?;
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    match run(file, &request, &mut out) {
        Ok(()) => {}
        Err(Error::BadList(says)) => Frame::Refusal(says).write(&mut out)?,
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

/// Takes limits that this process cannot raise again.
fn limit(seconds: u64) -> Result<()> {
    let memory = MEMORY_MIB * 1024 * 1024;
    lower(Resource::RLIMIT_CORE, 0, 0)?;
    lower(Resource::RLIMIT_FSIZE, 0, 0)?;
    lower(Resource::RLIMIT_NOFILE, FILES, FILES)?;
    // The first limit ends the process with a signal that says why.
    lower(Resource::RLIMIT_CPU, seconds, seconds + 5)?;
    lower(Resource::RLIMIT_DATA, memory, memory)?;
    // Some systems do not count everything as data. The program itself is mapped already.
    match mapped() {
        Some(mapped) => lower(Resource::RLIMIT_AS, mapped + memory, mapped + memory),
        None => Ok(()),
    }
}

/// A limit that is lower already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> Result<()> {
    let (soft_now, hard_now) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(soft_now), hard.min(hard_now))?)
}

/// Bytes of memory that are mapped now, where the system tells.
fn mapped() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
