//! The annotated list: the rows of the list as CSV, with the fault of each in a column `error`.
//!
//! **Invariants.** A file with a path appears completely, after the import. Until then it has no name, so a killed
//! command leaves no file. No cell is a formula, and the annotated list can be imported like the list.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use campaign::Msisdn;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::linkat;
use tempfile::NamedTempFile;

use crate::error::Error;
use crate::import::check::harmless;
use crate::import::columns::Columns;
use crate::import::options::AnnotatedList;
use crate::list::row::Row;
use crate::spool::{Spool, SpoolError, SpoolWriter, unnamed};

/// The byte order mark, without which spreadsheets do not read UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// An annotated list that is written.
pub(crate) struct AnnotatedListWriter {
    rows: csv::Writer<BufWriter<Output>>,
    /// The path of the file; for a file in the temporary folder, the path of the folder.
    path: PathBuf,
    number: usize,
    /// The column with the errors of an earlier import. Without one, a column is appended.
    errors: Option<usize>,
    columns: usize,
}

/// Where the list is written.
enum Output {
    /// A file that gets its name at the end.
    Path(File),
    Spooled(SpoolWriter<Arc<File>>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Path(file) => file.write(bytes),
            Self::Spooled(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Path(file) => file.flush(),
            Self::Spooled(file) => file.flush(),
        }
    }
}

impl AnnotatedListWriter {
    /// Writes the header row. The file gets its name at the end.
    pub(crate) fn begin(
        to: &AnnotatedList,
        spool: &Spool,
        header: &Row,
        columns: &Columns,
    ) -> Result<Self, Error> {
        let (output, path) = match to {
            AnnotatedList::Path(path) => {
                let file = unnamed(folder_of(path)).map_err(|source| unwritable(path, source))?;
                (Output::Path(file), path.as_path())
            }
            AnnotatedList::Spooled(file) => {
                let writer = SpoolWriter { spool: spool.clone(), file: Arc::clone(file) };
                (Output::Spooled(writer), spool.folder())
            }
        };
        let mut file = BufWriter::new(output);
        file.write_all(MARK).map_err(|source| unwritable(path, source))?;
        let rows = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let Columns { number, errors, .. } = *columns;
        let mut annotated =
            Self { rows, path: path.to_owned(), number, errors, columns: columns.variables.len() };
        annotated.write(header, None, "error")?;
        Ok(annotated)
    }

    /// Adds a row. A valid number is written in digits.
    pub(crate) fn write(&mut self, row: &Row, number: Option<Msisdn>, error: &str) -> Result<(), Error> {
        let cell = |index: usize| match number {
            Some(number) if index == self.number => number.to_string(),
            _ => harmless(&String::from_utf8_lossy(row.cell(index))),
        };
        let cell = |index| if Some(index) == self.errors { error.to_owned() } else { cell(index) };
        let appended = self.errors.is_none().then(|| error.to_owned());
        // Cells beyond the last column come after the error.
        let record = (0..self.columns).map(cell).chain(appended).chain((self.columns..row.len()).map(cell));
        self.rows.write_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => unwritable(&self.path, source),
            // With flexible records the writer fails for no other reason.
            other => unwritable(&self.path, std::io::Error::other(format!("{other:?}"))),
        })
    }

    /// Writes everything that was added, so that only the name is missing.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.rows.flush().map_err(|source| unwritable(&self.path, source))
    }

    /// Gives the file its name, after the import.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let failed = |source| Error::NotGivenBack { path: self.path.clone(), source };
        let file =
            self.rows.into_inner().map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        match file.into_inner().map_err(|error| failed(error.into_error()))? {
            Output::Path(file) => give_name(file, &self.path).map_err(failed),
            Output::Spooled(_) => Ok(()),
        }
    }
}

/// Gives a file without a name this path, replacing an existing file.
fn give_name(mut file: File, path: &Path) -> std::io::Result<()> {
    let folder = folder_of(path);
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |to: &Path| {
        linkat(AT_FDCWD, open.as_str(), AT_FDCWD, to, AtFlags::AT_SYMLINK_FOLLOW)
            .map_err(std::io::Error::from)
    };
    // A new link cannot replace a file, but a rename can.
    if let Ok(linked) = tempfile::Builder::new().make_in(folder, link) {
        return Ok(linked.into_temp_path().persist(path)?);
    }
    // The file system does not support files without a name, or /proc is missing.
    let mut named = NamedTempFile::new_in(folder)?;
    file.rewind()?;
    std::io::copy(&mut file, &mut named)?;
    named.persist(path)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An error while the list is written, before the import is done.
fn unwritable(path: &Path, source: std::io::Error) -> Error {
    match source.downcast::<SpoolError>() {
        Ok(error) => Error::Spool(error),
        Err(source) => Error::Unwritable { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Names this file `errors.csv`, which exists already, and checks the result.
    fn is_named(folder: &Path, mut file: File) {
        let path = folder.join("errors.csv");
        std::fs::write(&path, "of an earlier import").unwrap();
        file.write_all(b"phone,error\n").unwrap();
        give_name(file, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "phone,error\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_name_gets_its_name_even_if_it_cannot_be_linked() {
        let folder = tempfile::tempdir().unwrap();
        is_named(folder.path(), unnamed(folder.path()).unwrap());
        // A file whose name was removed cannot be linked again.
        let removed = folder.path().join("removed");
        let file = File::options().create_new(true).read(true).write(true).open(&removed).unwrap();
        std::fs::remove_file(removed).unwrap();
        is_named(folder.path(), file);
    }
}
