//! Options of an import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use campaign::{CampaignId, CompiledMessage, Country};
use store::ImportRecord;

/// How to read a list, and which recipients to leave out.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The country whose national formats are accepted.
    pub default_country: Option<Country>,
    /// The number column, if the header has none of the usual names.
    pub number_column: Option<String>,
    /// The variables that the message needs.
    pub needed: BTreeSet<String>,
    /// Values for variables whose cell is empty or missing.
    pub defaults: BTreeMap<String, String>,
    /// The message, to find cells with which it cannot be sent.
    pub message: Option<Arc<CompiledMessage>>,
    /// Campaigns whose recipients are left out.
    pub exclude: Vec<CampaignId>,
    /// Import the list even if the campaign has the same file already.
    pub again: bool,
    /// Where the annotated list is written.
    pub errors: Option<AnnotatedList>,
    /// What is committed with the list besides it.
    pub record: Option<ImportRecord>,
}

/// The destination of the annotated list: the list as CSV, with a reason for each rejected row in a column `error`.
#[derive(Clone, Debug)]
pub enum AnnotatedList {
    /// A file with this path, which appears after the import.
    Path(PathBuf),
    /// A file of the temporary folder, from [`crate::Spool::file`].
    Spooled(Arc<File>),
}
