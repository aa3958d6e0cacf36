//! The departure journal of a sender worker: a file that says which claims are open and which of their requests may have left. It
//! survives SIGKILL, because the page cache of the kernel does. If the process dies, another worker reads the file and gives back
//! the recipients whose requests never left (ADR 20).
//!
//! **Invariants.** A departure is in the file before the first byte of its request leaves. If a claim is open in the file, the file has
//! all its departures. A write that fails invalidates the file, and if that fails too, no request leaves under it. So the file never
//! says that a request did not leave which may have left.
//!
//! The file is locked as long as a request can leave under it; the kernel releases the lock when the process ends. A journal is not
//! synchronized to the disk, so it means nothing after a crash of the machine. It contains ids only.

mod file;
mod layout;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use campaign::{ClaimId, SenderId, Seq};
use uuid::Uuid;

use crate::config::Config;
use file::JournalFile;
use layout::{Identity, Shape};
use writer::{Medium, Writer};

pub use file::check_directory;
pub(crate) use reader::follow;

/// The journals of a process: where they are, and of which size.
pub(crate) struct Journals {
    /// `None`: the worker keeps no journal.
    directory: Option<(PathBuf, Uuid)>,
    shape: Shape,
}

impl Journals {
    /// The journals in the directory of the settings. If it cannot be used, the worker works without journals.
    pub(crate) fn new(config: &Config) -> Self {
        let shape = Shape::of(config.in_flight);
        let directory = config.journal.clone().and_then(|directory| match check_directory(&directory) {
            Ok(boot) => Some((directory, boot)),
            Err(problem) => {
                tracing::error!("{problem}; the worker starts without a departure journal, so if it is killed, all recipients that it has claimed become unknown");
                None
            }
        });
        Self { directory, shape }
    }

    /// The directory and the id of this boot.
    pub(crate) fn directory(&self) -> Option<(PathBuf, Uuid)> {
        self.directory.clone()
    }

    /// A new journal for the claims of one sender worker.
    pub(crate) fn begin(&self, sender: SenderId, worker: Uuid) -> Journal {
        let Some((directory, boot)) = &self.directory else { return Journal::none() };
        let bytes = |inode| layout::new_file(self.shape, Identity { boot: *boot, inode, worker, sender });
        match JournalFile::create(directory, bytes) {
            Ok(file) => Journal::on(file, self.shape),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error, sender.id = %sender,
                    "cannot create a departure journal in {}: {error}; sending continues without it", directory.display()
                );
                Journal::none()
            }
        }
    }
}

/// The journal of one sender worker.
pub(crate) struct Journal<M = JournalFile> {
    state: Mutex<State<M>>,
}

enum State<M> {
    /// No file exists, or it is invalidated: every request may leave.
    Off,
    /// Every departure is written.
    On(Writer<M>),
    /// A write failed, and the file could not be invalidated: no request may leave.
    Stuck(M),
}

/// A request may not leave, because its departure cannot be written.
#[derive(Debug)]
pub(crate) struct MustStay;

impl Journal {
    /// No journal: every request may leave.
    pub(crate) fn none() -> Self {
        Self { state: Mutex::new(State::Off) }
    }
}

impl<M: Medium> Journal<M> {
    fn on(medium: M, shape: Shape) -> Self {
        Self { state: Mutex::new(State::On(Writer::new(medium, shape))) }
    }

    /// A claim was granted. Call it before any of its requests leaves.
    pub(crate) fn open(&self, claim: ClaimId) {
        drop(self.write(|writer| writer.open(claim)));
    }

    /// The request for this recipient leaves next.
    pub(crate) fn depart(&self, claim: ClaimId, seq: Seq) -> Result<(), MustStay> {
        match *self.write(|writer| writer.depart(claim, seq)) {
            State::Off | State::On(_) => Ok(()),
            State::Stuck(_) => Err(MustStay),
        }
    }

    /// The last outcome of this claim is committed.
    pub(crate) fn close(&self, claim: ClaimId) {
        drop(self.write(|writer| writer.close(claim)));
    }

    /// Nothing is sent any more. The file is removed if all claims are closed; otherwise a worker reads it.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::On(writer) = &mut *state
            && writer.is_idle()
            && writer.invalidate().is_ok()
        {
            *state = State::Off;
        }
    }

    /// Writes to the file, if there is one. If that fails, the file is invalidated.
    fn write(&self, write: impl FnOnce(&mut Writer<M>) -> io::Result<()>) -> MutexGuard<'_, State<M>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::On(writer) = &mut *state else { return state };
        if let Err(error) = write(writer) {
            let State::On(writer) = std::mem::replace(&mut *state, State::Off) else { return state };
            *state = give_up(writer, &error);
        }
        state
    }
}

/// Invalidates a file that cannot be written any more.
fn give_up<M: Medium>(mut writer: Writer<M>, error: &io::Error) -> State<M> {
    match writer.invalidate() {
        Ok(()) => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "cannot write to a departure journal: {error}; sending continues without it until the worker is restarted"
            );
            State::Off
        }
        Err(second) => {
            tracing::error!(
                error = &second as &dyn std::error::Error,
                "cannot write to a departure journal ({error}), nor remove it: {second}; its sender is started again without it. Repair \
                 the file system of [consumer] journal"
            );
            State::Stuck(writer.into_medium())
        }
    }
}

/// Whether a path names a journal.
fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == file::EXTENSION)
}
