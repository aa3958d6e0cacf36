//! The temporary folder for lists that are being imported: uploads, standard input, decompressed workbooks, rejected
//! rows, and the annotated list of an upload.
//!
//! **Invariants.** No file in the folder has a name. So no other process can open it, and it disappears with the
//! process that has it open, however that process ends. Any number of servers and commands may share the folder. One
//! list uses at most `max_temporary_bytes` of it.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Access for the owner only, in case the file system gives the file a name for an instant.
const MODE: u32 = 0o600;

/// Settings for lists that are being imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListsConfig {
    /// The temporary folder. Default: that of the system, `$TMPDIR` or `/tmp`.
    pub temporary_folder: PathBuf,
    /// The most bytes of the temporary folder that one list uses until its import ends. Default 4 GiB.
    pub max_temporary_bytes: u64,
}

impl Default for ListsConfig {
    fn default() -> Self {
        Self { temporary_folder: std::env::temp_dir(), max_temporary_bytes: 4 * 1024 * 1024 * 1024 }
    }
}

impl ListsConfig {
    /// Returns the first setting that cannot work, and what to do.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.temporary_folder.as_os_str().is_empty() {
            return Err("temporary_folder is empty; name a folder, or leave the setting out");
        }
        if self.max_temporary_bytes == 0 {
            return Err(
                "max_temporary_bytes is 0, so no list could be imported; leave the setting out for 4 GiB",
            );
        }
        Ok(())
    }
}

/// The temporary folder, and the bytes of it that one list uses. A clone belongs to the same list.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
    limit: u64,
    taken: Arc<AtomicU64>,
}

/// Why a list cannot be stored in the temporary folder. Nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system refuses: no space, no such folder, no permission.
    #[error("cannot write to the temporary folder {}: {source}; {}", folder.display(), remedy(source.kind()))]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The list needs more bytes than one list may use.
    #[error(
        "the list needs more than {limit} bytes of the temporary folder {}; split it, or raise [lists] \
         max_temporary_bytes (FLOWCAST_LISTS_MAX_TEMPORARY_BYTES)",
        folder.display()
    )]
    TooLarge {
        /// The folder.
        folder: PathBuf,
        /// The most bytes of one list.
        limit: u64,
    },
}

/// What to do if the folder cannot be written to.
fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free space there, or name a folder with more space in [lists] temporary_folder \
             (FLOWCAST_LISTS_TEMPORARY_FOLDER)"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "create the folder, or name another one in [lists] temporary_folder (FLOWCAST_LISTS_TEMPORARY_FOLDER)"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "in a container, mount a volume or a tmpfs there; or name a writable folder in [lists] temporary_folder \
             (FLOWCAST_LISTS_TEMPORARY_FOLDER)"
        }
        _ => {
            "let the user of this process write there, or name another folder in [lists] temporary_folder \
             (FLOWCAST_LISTS_TEMPORARY_FOLDER)"
        }
    }
}

impl Spool {
    /// The folder for one list, which uses no bytes yet.
    pub fn new(config: &ListsConfig) -> Self {
        Self {
            folder: config.temporary_folder.clone(),
            limit: config.max_temporary_bytes,
            taken: Arc::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens a new file without a name. Its bytes have to be counted with [`Spool::take`].
    pub fn file(&self) -> Result<File, SpoolError> {
        unnamed(&self.folder).map_err(|error| self.unwritable(error))
    }

    /// Counts bytes before they are written.
    pub fn take(&self, bytes: usize) -> Result<(), SpoolError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if taken > self.limit {
            return Err(SpoolError::TooLarge { folder: self.folder.clone(), limit: self.limit });
        }
        Ok(())
    }

    /// An error while a file of the folder is written.
    pub fn unwritable(&self, source: std::io::Error) -> SpoolError {
        SpoolError::Unwritable { folder: self.folder.clone(), source }
    }

    /// Writes a file of one byte, to check that the folder can be used.
    pub fn check(&self) -> Result<(), SpoolError> {
        self.file()?.write_all(b"\n").map_err(|error| self.unwritable(error))
    }

    /// The free bytes in the folder's file system.
    pub fn free_bytes(&self) -> Result<u64, SpoolError> {
        let found =
            nix::sys::statvfs::statvfs(&self.folder).map_err(|error| self.unwritable(error.into()))?;
        Ok(found.blocks_available() * found.fragment_size())
    }

    /// A new file without a name whose bytes are counted.
    pub(crate) fn writer(&self) -> Result<SpoolWriter<File>, SpoolError> {
        Ok(SpoolWriter { spool: self.clone(), file: self.file()? })
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new(&ListsConfig::default())
    }
}

/// Opens a new file without a name in this folder, with access for the owner only.
pub(crate) fn unnamed(folder: &Path) -> std::io::Result<File> {
    let file = tempfile::tempfile_in(folder)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

/// A file of the temporary folder whose bytes are counted. Its errors contain a [`SpoolError`].
#[derive(Debug)]
pub(crate) struct SpoolWriter<F> {
    pub(crate) spool: Spool,
    pub(crate) file: F,
}

impl<F: Write> Write for SpoolWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.spool.take(bytes.len())?;
        self.file.write(bytes).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            _ => self.spool.unwritable(error).into(),
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().map_err(|error| self.spool.unwritable(error).into())
    }
}

impl From<SpoolError> for std::io::Error {
    fn from(error: SpoolError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_of_the_temporary_folder_has_no_name_and_only_its_owner_has_access() {
        let folder = tempfile::tempdir().unwrap();
        let config = ListsConfig { temporary_folder: folder.path().to_owned(), ..ListsConfig::default() };
        let spool = Spool::new(&config);
        let mut writer = spool.writer().unwrap();
        writer.write_all(b"phone\n").unwrap();
        let found = writer.file.metadata().unwrap();
        assert_eq!((found.len(), found.mode() & 0o777, found.nlink()), (6, 0o600, 0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        spool.check().unwrap();
        assert!(spool.free_bytes().unwrap() > 0);
    }

    #[test]
    fn one_list_uses_at_most_its_limit_in_all_its_files() {
        let config = ListsConfig { max_temporary_bytes: 10, ..ListsConfig::default() };
        let spool = Spool::new(&config);
        spool.writer().unwrap().write_all(b"123456").unwrap();
        let error = spool.clone().writer().unwrap().write_all(b"12345").unwrap_err();
        let error = error.downcast::<SpoolError>().unwrap().to_string();
        assert!(error.starts_with("the list needs more than 10 bytes of the temporary folder /"), "{error}");
        Spool::new(&config).writer().unwrap().write_all(b"1234567890").unwrap();
    }

    #[test]
    fn a_failure_names_the_folder_the_reason_and_what_to_do() {
        let spool =
            Spool::new(&ListsConfig { temporary_folder: "/no/such".into(), ..ListsConfig::default() });
        let shown = spool.check().unwrap_err().to_string();
        let expected = "cannot write to the temporary folder /no/such: No such file or directory";
        assert!(shown.starts_with(expected) && shown.contains("create the folder"), "{shown}");
        assert!(!shown.contains(".tmp"), "{shown}");
        for (errno, reason, what_to_do) in [
            (nix::errno::Errno::ENOSPC, "No space left on device", "; free space there, or name"),
            (nix::errno::Errno::EDQUOT, "quota exceeded", "; free space there, or name"),
            (nix::errno::Errno::EROFS, "Read-only file system", "; in a container, mount a volume"),
            (nix::errno::Errno::EACCES, "Permission denied", "; let the user of this process write there"),
        ] {
            let shown = spool.unwritable(errno.into()).to_string();
            assert!(shown.contains(reason) && shown.contains(what_to_do), "{shown}");
            assert!(shown.contains("temporary folder /no/such"), "{shown}");
            assert!(shown.contains("FLOWCAST_LISTS_TEMPORARY_FOLDER"), "{shown}");
        }
    }
}
