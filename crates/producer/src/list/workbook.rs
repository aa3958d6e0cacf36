//! An Excel workbook as a list. A separate process reads it, and the system ends that process if it uses too much
//! memory or time. Any user can send a workbook, and none may harm the receiving process.
//!
//! **Invariants.** Memory does not grow with the workbook, whatever it contains. The process ends when its reader is
//! dropped.

pub(crate) mod frame;
pub(crate) mod process;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Result as IoResult, Seek};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::error::Error;
use crate::list::row::Row;
use crate::list::workbook::frame::Frame;
use crate::list::workbook::process::{MEMORY_MIB, Request, SECONDS};
use crate::list::xlsx::{Choice, damaged};

/// How long to wait for output, in milliseconds. The process reaches its own limits long before, unless the machine is
/// overloaded.
const SILENCE_MS: u16 = 60_000;
/// The most waits without output.
const SILENCES: u8 = 5;

/// Called for each row; returns whether to go on.
pub(crate) type Each<'a> = dyn FnMut(&Row) -> Result<bool, Error> + 'a;

/// The program that reads workbooks in a separate process. The default is the running program with the argument
/// `read-workbook`. The program must call [`read_workbook`](crate::read_workbook) with its last argument.
#[derive(Clone, Debug)]
pub struct WorkbookReader {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Default for WorkbookReader {
    fn default() -> Self {
        // This path is valid even after the file was replaced by a newer version.
        let own = PathBuf::from("/proc/self/exe");
        let program = if own.exists() { own } else { std::env::current_exe().unwrap_or(own) };
        Self { program, arguments: vec!["read-workbook".into()] }
    }
}

impl WorkbookReader {
    /// Another program.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }
}

/// A workbook with a chosen sheet.
#[derive(Debug)]
pub(crate) struct Workbook {
    file: File,
    reader: WorkbookReader,
    request: Request,
    choice: Choice,
}

impl Workbook {
    /// Chooses the sheet.
    pub(crate) fn open(
        file: File,
        reader: WorkbookReader,
        sheet: Option<String>,
        include_hidden: bool,
    ) -> Result<Self, Error> {
        let request = Request { sheet, include_hidden, only_look: true };
        let mut process = Process::start(&reader, &file, &request)?;
        let Frame::Choice(choice) = process.next(&mut Row::default())? else { return Err(damaged()) };
        let choice = serde_json::from_str(&choice).map_err(|_| damaged())?;
        let request = Request { only_look: false, ..request };
        Ok(Self { file, reader, request, choice })
    }

    /// Reads the rows that are not blank, until `each` returns false. Returns how many rows were ignored because they
    /// are hidden. `read` is set to the bytes of the file read so far.
    pub(crate) fn each_row(&self, read: &AtomicU64, each: &mut Each<'_>) -> Result<u64, Error> {
        let mut process = Process::start(&self.reader, &self.file, &self.request)?;
        let mut row = Row::default();
        loop {
            match process.next(&mut row)? {
                Frame::Row if each(&row)? => {}
                Frame::Row => return Ok(0),
                Frame::Read(bytes) => read.store(bytes, Ordering::Relaxed),
                Frame::End(hidden) => return Ok(hidden),
                Frame::Choice(_) | Frame::Refusal(_) => {}
            }
        }
    }
}

impl fmt::Display for Workbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Choice { name, is_hidden, others, hidden, .. } = &self.choice;
        write!(f, "Excel workbook, {}sheet '{name}'", if *is_hidden { "hidden " } else { "" })?;
        for (names, which) in [(others, "not read"), (hidden, "hidden and not read")] {
            if !names.is_empty() {
                write!(f, "; {which}: '{}'", names.join("', '"))?;
            }
        }
        Ok(())
    }
}

/// The process that reads a workbook.
struct Process {
    child: Child,
    out: BufReader<TimeLimited>,
}

impl Process {
    fn start(reader: &WorkbookReader, file: &File, request: &Request) -> Result<Self, Error> {
        let mut file = file.try_clone().map_err(Error::unreadable)?;
        file.rewind().map_err(Error::unreadable)?;
        let request = serde_json::to_string(request).map_err(|error| Error::unreadable(error.into()))?;
        let mut command = Command::new(&reader.program);
        // The process must not inherit settings or keys.
        command.arg0("flowcast").args(&reader.arguments).arg(request).env_clear();
        let spawned = command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|source| Error::NoReader { source })?;
        let Some(out) = child.stdout.take() else { return Err(damaged()) };
        Ok(Self { child, out: BufReader::with_capacity(64 * 1024, TimeLimited(out)) })
    }

    /// The next frame. A refusal by the process is an error, and so is its death.
    fn next(&mut self, row: &mut Row) -> Result<Frame, Error> {
        match Frame::read(&mut self.out, row) {
            Ok(Frame::Refusal(problem)) => Err(Error::BadList(problem)),
            Ok(frame) => Ok(frame),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(death(self.child.wait().map_err(Error::unreadable)?))
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(too_slow()),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(damaged()),
            Err(error) => Err(Error::unreadable(error)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Why the process ended without a last frame.
fn death(status: ExitStatus) -> Error {
    match status.signal().map(Signal::try_from) {
        Some(Ok(Signal::SIGXCPU)) => too_slow(),
        // If memory is refused the process aborts; the system kills it if no memory is left.
        Some(Ok(Signal::SIGABRT | Signal::SIGKILL)) => Error::BadList(format!(
            "the workbook needs more than {MEMORY_MIB} MiB of memory to be read; save the list as CSV and import that"
        )),
        _ => damaged(),
    }
}

fn too_slow() -> Error {
    Error::BadList(format!(
        "the workbook takes more than {SECONDS} seconds to be read; save the list as CSV and import that"
    ))
}

/// A pipe with a time limit for each read.
struct TimeLimited(ChildStdout);

impl Read for TimeLimited {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        for _ in 0..SILENCES {
            let mut pipe = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut pipe, PollTimeout::from(SILENCE_MS)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return self.0.read(out),
                Err(error) => return Err(error.into()),
            }
        }
        Err(ErrorKind::TimedOut.into())
    }
}
