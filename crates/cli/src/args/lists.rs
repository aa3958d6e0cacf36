//! Command line options of lists. Its comments are the `--help` texts, so they carry no Markdown.

use std::path::PathBuf;

use campaign::{CampaignId, Country};
use clap::{Args as ClapArgs, Subcommand};
use producer::{ListOptions, ListsConfig, Spool};

/// A list, and options for reading it.
#[derive(ClapArgs)]
pub(crate) struct ListFile {
    /// File of the list; - is standard input
    pub(crate) list: PathBuf,
    /// Country of numbers without a country code, two letters such as KE
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) default_country: Option<Country>,
    /// Name of the column with the phone number; default: found by its name
    #[arg(long, value_name = "NAME")]
    pub(crate) number_column: Option<String>,
    /// Sheet of a workbook; default: the first sheet that is not hidden
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Include hidden rows of a sheet, such as rows hidden by a filter
    #[arg(long)]
    pub(crate) include_hidden: bool,
    /// Encoding of a text file, such as windows-1251; default: detected
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
}

impl ListFile {
    /// Options for opening the list.
    pub(crate) fn options(&self, lists: &ListsConfig) -> ListOptions {
        ListOptions {
            sheet: self.sheet.clone(),
            include_hidden: self.include_hidden,
            encoding: self.encoding.clone(),
            spool: Spool::new(lists),
            ..ListOptions::default()
        }
    }
}

#[derive(ClapArgs)]
pub(crate) struct CampaignImport {
    /// Id of the campaign
    pub(crate) id: CampaignId,
    #[command(flatten)]
    pub(crate) file: ListFile,
    /// Leave out recipients of this campaign; repeat the option for several
    #[arg(long = "exclude-campaign", value_name = "ID")]
    pub(crate) exclude: Vec<CampaignId>,
    /// Write the list as CSV with a column 'error' that says what is wrong with each row
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
    /// Import the list even if the campaign contains the same file already
    #[arg(long)]
    pub(crate) again: bool,
}

#[derive(Subcommand)]
pub(crate) enum SuppressionCommand {
    /// Add a number, for all senders or for one
    Add(SuppressionNumber),
    /// Remove a number
    Remove(SuppressionNumber),
    /// List suppressed numbers, newest first
    List {
        /// Most numbers to show
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
    /// Add all numbers of a list: CSV, Excel or JSON Lines, also gzipped
    Import(SuppressionImport),
}

#[derive(ClapArgs)]
pub(crate) struct SuppressionNumber {
    /// Phone number, with its country code
    #[arg(allow_hyphen_values = true)]
    pub(crate) number: String,
    /// Suppress for this sender only; default: all senders
    #[arg(long, value_name = "NAME")]
    pub(crate) sender: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct SuppressionImport {
    #[command(flatten)]
    pub(crate) file: ListFile,
    /// Suppress for this sender only; default: all senders
    #[arg(long, value_name = "NAME")]
    pub(crate) sender: Option<String>,
}
