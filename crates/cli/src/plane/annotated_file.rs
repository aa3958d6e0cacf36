//! The file of an annotated list that a server has written.
//!
//! **Invariant.** The file appears completely, after the import, as that of an import through the database.

use std::io::Write;
use std::path::{Path, PathBuf};

use client::Client;
use control::{AnnotatedList, Error, JobBegun, Problem};
use tempfile::NamedTempFile;

/// A file in the folder of the annotated list, which gets its name at the end.
pub(crate) struct AnnotatedFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AnnotatedFile {
    /// The file for an annotated list, before the list of this name is uploaded.
    pub(crate) fn of(errors: Option<&AnnotatedList>, list: &str) -> Result<Option<Self>, Error> {
        let Some(AnnotatedList::Path(path)) = errors else { return Ok(None) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|source| {
            // Without the name of the temporary file, which the user does not know.
            let source = tempfile::tempfile_in(folder).err().unwrap_or_else(|| source.kind().into());
            Error::of_list(list.to_owned(), producer::Error::Unwritable { path: path.clone(), source })
        })?;
        Ok(Some(Self { path: path.clone(), file }))
    }

    /// Downloads the annotated list of this import.
    pub(crate) async fn download(mut self, api: &Client, job: JobBegun) -> Result<(), Error> {
        let mut download = api.annotated_list(job).await.map_err(|error| imported(&error))?;
        while let Some(chunk) = download.chunk().await.map_err(|error| imported(&error))? {
            self.file.write_all(&chunk).map_err(|error| imported(&error))?;
        }
        self.file.persist(&self.path).map_err(|error| imported(&error.error))?;
        Ok(())
    }
}

/// An error after the import.
fn imported(error: &dyn std::error::Error) -> Error {
    let text = format!("the list is imported, but the annotated list could not be downloaded: {error}");
    Error::refused(Problem::Unavailable, text)
}
