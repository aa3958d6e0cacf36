//! Journal files: created and locked by their process, found by others.
//!
//! **Invariants.** Only the process that holds the lock of a file reads, writes or removes it. A file that was removed is not used,
//! even if it was opened before. Names are never used again.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::layout::NO_HEADER;
use super::writer::Medium;

/// The extension of journal files.
pub(super) const EXTENSION: &str = "journal";
/// Changes with each boot of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Another worker may find and remove a new file before it is locked.
const TRIES: u32 = 3;

/// A locked journal file. The lock ends with the last handle.
pub(crate) struct JournalFile {
    file: File,
    path: PathBuf,
}

impl JournalFile {
    /// Creates a file with these bytes, which may contain its inode. All its space is allocated, so that a full disk is noticed here
    /// and not later.
    pub(super) fn create(directory: &Path, bytes: impl Fn(u64) -> Vec<u8>) -> io::Result<Self> {
        for _ in 0..TRIES {
            let path = directory.join(Uuid::now_v7().to_string()).with_extension(EXTENSION);
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            if let Some(created) = (Self { file, path }).lock()? {
                let inode = created.inode()?;
                return match created.file.write_all_at(&bytes(inode), 0) {
                    Ok(()) => Ok(created),
                    Err(error) => {
                        created.remove()?;
                        Err(error)
                    }
                };
            }
        }
        Err(io::Error::other("new files are removed by another process"))
    }

    /// Opens a file that no process has locked. `None` if a process has, or if the file was removed.
    pub(super) fn open_abandoned(path: &Path) -> io::Result<Option<Self>> {
        match Self::opened(path) {
            Ok(opened) => opened.lock(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file, and does not lock it.
    pub(super) fn opened(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Locks the file, unless another process has it. A file that was removed meanwhile is not used.
    pub(super) fn lock(self) -> io::Result<Option<Self>> {
        match self.file.try_lock() {
            Ok(()) if self.file.metadata()?.nlink() > 0 => Ok(Some(self)),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The inode of the file.
    pub(super) fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// All bytes of the file.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Medium for JournalFile {
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn invalidate(&mut self) -> io::Result<()> {
        // Each of them is enough.
        let removed = self.remove();
        removed.or_else(|_| self.file.set_len(0)).or_else(|_| self.file.write_all_at(&NO_HEADER, 0))
    }
}

/// Checks that journals can be kept in this directory, which is created if it is missing. Returns the id of this boot; the error says
/// what to do.
pub fn check_directory(directory: &Path) -> Result<Uuid, String> {
    let cannot = |what: &str, error: &io::Error| {
        format!(
            "cannot {what} the directory {} of [consumer] journal: {error}; let the user of the process write there, or name another \
             directory",
            directory.display()
        )
    };
    let created = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    created.map_err(|error| cannot("create", &error))?;
    let probe = JournalFile::create(directory, |_| NO_HEADER.to_vec())
        .map_err(|error| cannot("write and lock a file in", &error))?;
    probe.remove().map_err(|error| cannot("remove a file from", &error))?;
    boot_id().map_err(|error| {
        format!("cannot read {BOOT_ID}, which [consumer] journal needs: {error}; let the process read it, or leave the setting out")
    })
}

/// The id of this boot of the machine.
pub(super) fn boot_id() -> io::Result<Uuid> {
    std::fs::read_to_string(BOOT_ID)?.trim().parse().map_err(io::Error::other)
}
