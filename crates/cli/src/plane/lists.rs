//! Lists are imported and exported, and the suppression list.

use std::io::Write;
use std::sync::Arc;

use campaign::CampaignId;
use client::{ImportParameters, ListParameters, Upload};
use control::{
    Error, Export, ExportError, ImportedList, ImportedNumbers, List, ListImport, NewestSuppressions,
    Progress, SuppressedNumber,
};
use producer::ImportOptions;

use crate::args::lists::ListFile;
use crate::plane::annotated_file::AnnotatedFile;
use crate::plane::{Database, Plane};

impl Plane {
    /// Imports a list into a draft: completely, or not at all. `file` says how the list is read.
    pub(crate) async fn import_list(
        &self,
        id: CampaignId,
        list: List,
        file: &ListFile,
        import: ListImport,
    ) -> Result<ImportedList, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                let imported = Box::pin(control.import_list(caller, id, list, import));
                imported.await.map(ImportedList::of)
            }
            Self::Api(api) => {
                // A server that refuses a list closes the connection during the upload.
                api.campaign(id).await?.check_import()?;
                let annotated = AnnotatedFile::of(import.errors.as_ref(), list.name())?;
                let parameters = parameters(&list, file);
                let ListImport { exclude, again, progress, .. } = import;
                let options = ImportParameters { exclude, again, annotate: annotated.is_some() };
                let (imported, job) =
                    api.import_list(id, upload(&list, progress)?, &parameters, &options).await?;
                if let Some(annotated) = annotated {
                    annotated.download(api, job).await?;
                }
                Ok(imported)
            }
        }
    }

    /// Writes recipients of a campaign as a list that can be imported again. Returns a warning about the list.
    pub(crate) async fn export(
        &self,
        id: CampaignId,
        export: Export,
        mut out: impl Write + Send,
    ) -> Result<Option<String>, ExportError> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(Box::pin(control.export(caller, id, export, out)).await?.warning)
            }
            Self::Api(api) => {
                let mut download = api.export(id, export).await?;
                while let Some(chunk) = download.chunk().await? {
                    out.write_all(&chunk)?;
                }
                out.flush()?;
                Ok(download.warning())
            }
        }
    }

    /// Adds a number to the suppression list of a sender, or to that for every sender.
    pub(crate) async fn suppress(
        &self,
        number: &str,
        sender: Option<&str>,
    ) -> Result<SuppressedNumber, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.suppress(caller, number, sender).await?.result)
            }
            Self::Api(api) => api.suppress(number, sender).await,
        }
    }

    /// Removes a number from the suppression list of a sender, or from that for every sender.
    pub(crate) async fn unsuppress(&self, number: &str, sender: Option<&str>) -> Result<(), Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                control.unsuppress(caller, number, sender).await.map(drop)
            }
            Self::Api(api) => api.unsuppress(number, sender).await,
        }
    }

    /// The newest entries of the suppression list, at most `most`, and its length.
    pub(crate) async fn newest_suppressions(&self, most: u32) -> Result<NewestSuppressions, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.newest_suppressions(caller, most).await,
            Self::Api(api) => api.newest_suppressions(most).await,
        }
    }

    /// Adds all numbers of a list to the suppression list of a sender, or to that for every sender.
    pub(crate) async fn import_suppressions(
        &self,
        list: List,
        file: &ListFile,
        sender: Option<&str>,
    ) -> Result<ImportedNumbers, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                let options = ImportOptions {
                    default_country: file.default_country,
                    number_column: file.number_column.clone(),
                    ..ImportOptions::default()
                };
                Box::pin(control.import_suppressions(caller, list, options, sender)).await
            }
            Self::Api(api) => {
                let parameters = parameters(&list, file);
                api.import_suppressions(upload(&list, Arc::default())?, &parameters, sender).await
            }
        }
    }
}

fn parameters(list: &List, file: &ListFile) -> ListParameters {
    ListParameters {
        name: list.name().to_owned(),
        default_country: file.default_country,
        number_column: file.number_column.clone(),
        sheet: file.sheet.clone(),
        encoding: file.encoding.clone(),
        include_hidden: file.include_hidden,
    }
}

fn upload(list: &List, progress: Arc<Progress>) -> Result<Upload, Error> {
    let file = list.file().map_err(|error| Error::of_list(list.name().to_owned(), error))?;
    Ok(Upload { file: Arc::new(file), bytes: list.bytes(), progress })
}
