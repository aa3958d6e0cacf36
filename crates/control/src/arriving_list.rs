//! A list that is uploaded: written to a temporary file while it arrives.
//!
//! **Invariant.** Memory does not grow with the list. A list that is too long is refused at the limit.

use std::fs::File;
use std::sync::Arc;

use producer::{AnnotatedList, List, ListOptions, Spool, SpoolError, file_name};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::control::Control;
use crate::error::{Error, Problem};

/// A list that arrives.
#[derive(Debug)]
pub struct ArrivingList {
    file: tokio::fs::File,
    spool: Spool,
    /// The most bytes.
    most: u64,
    bytes: u64,
}

/// A list that has arrived, and the folder that it is in.
#[derive(Debug)]
pub struct ArrivedList {
    file: File,
    spool: Spool,
}

impl Control {
    /// Begins to receive a list of at most `most` bytes.
    pub fn arriving_list(&self, most: u64) -> Result<ArrivingList, Error> {
        let spool = self.spool();
        let file = spool.file().map_err(|error| no_space(&error))?;
        Ok(ArrivingList { file: tokio::fs::File::from_std(file), spool, most, bytes: 0 })
    }

    /// A temporary file for the annotated list of an import.
    pub fn annotated_file(&self) -> Result<AnnotatedList, Error> {
        let file = self.spool().file().map_err(|error| no_space(&error))?;
        Ok(AnnotatedList::Spooled(Arc::new(file)))
    }
}

impl ArrivingList {
    /// Adds bytes of the list.
    pub async fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.most {
            return Err(too_long(self.most));
        }
        self.spool.take(bytes.len()).map_err(|error| no_space(&error))?;
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| no_space(&self.spool.unwritable(error)))
    }

    /// The list has arrived.
    pub async fn finish(self) -> Result<ArrivedList, Error> {
        let Self { mut file, spool, .. } = self;
        let rewound = async {
            file.flush().await?;
            file.rewind().await
        };
        rewound.await.map_err(|error| no_space(&spool.unwritable(error)))?;
        Ok(ArrivedList { file: file.into_std().await, spool })
    }
}

impl ArrivedList {
    /// Detects the format of the list. `name` is its name in reports.
    pub async fn open(self, name: &str, options: ListOptions) -> Result<List, Error> {
        let Self { file, spool } = self;
        let (name, options) = (file_name(name), ListOptions { spool, ..options });
        let opened = tokio::task::spawn_blocking(move || {
            List::of_file(file, name.clone(), &options).map_err(|error| Error::of_list(name, error))
        });
        opened.await.map_err(|error| Error::refused(Problem::Internal, error.to_string()))?
    }
}

/// The refusal of a list that is longer than the limit.
pub fn too_long(most: u64) -> Error {
    Error::refused(Problem::TooLarge, format!("the list is longer than {most} bytes; split it"))
}

/// The temporary folder has no space.
fn no_space(error: &SpoolError) -> Error {
    Error::refused(Problem::Unavailable, format!("{error}; nothing was imported"))
}
