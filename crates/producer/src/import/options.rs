//! How to read a list, and which recipients to leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use campaign::{CampaignId, CompiledMessage, Country};

/// How a list is to be read, and whom to leave out.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The country whose national formats are read.
    pub default_country: Option<Country>,
    /// The number column, when none of the usual names is in the header.
    pub number_column: Option<String>,
    /// The variables that the message cannot do without.
    pub needed: BTreeSet<String>,
    /// What stands in for a variable whose cell is empty or missing.
    pub defaults: BTreeMap<String, String>,
    /// The message, to find cells that it cannot be sent with.
    pub message: Option<Arc<CompiledMessage>>,
    /// Campaigns whose recipients are left out.
    pub exclude: Vec<CampaignId>,
    /// The list is imported although the campaign has it already.
    pub again: bool,
    /// Where the annotated list is written.
    pub errors: Option<AnnotatedList>,
}

/// Where the annotated list is written: the list as CSV, with the reason of each refusal in a column `error`.
#[derive(Clone, Debug)]
pub enum AnnotatedList {
    /// The file of this path, which appears when the import is done.
    Path(PathBuf),
    /// A file of the temporary folder, from [`crate::Spool::file`].
    Spooled(Arc<File>),
}
