//! The part of the command line that is about lists. Its comments are the `--help` texts, so they carry no Markdown.

use std::path::PathBuf;

use campaign::{CampaignId, Country};
use clap::{Args as ClapArgs, Subcommand};
use producer::{ListOptions, ListsConfig, Spool};

/// What a list is, where it does not tell itself.
#[derive(ClapArgs)]
pub(crate) struct ListFile {
    /// The list; - is standard input
    pub(crate) list: PathBuf,
    /// Country whose national numbers are read, two letters such as KE
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) default_country: Option<Country>,
    /// The column that holds the number, if its name does not tell
    #[arg(long, value_name = "NAME")]
    pub(crate) number_column: Option<String>,
    /// The sheet of a workbook; without it the first sheet that is not hidden
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Read hidden rows of a sheet too, such as those a filter hides
    #[arg(long)]
    pub(crate) include_hidden: bool,
    /// The encoding of a text, such as windows-1251, if it cannot be told
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
}

impl ListFile {
    /// What opening the list needs to know.
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
    /// The campaign
    pub(crate) id: CampaignId,
    #[command(flatten)]
    pub(crate) file: ListFile,
    /// Leave out everybody who is in this campaign; may be given several times
    #[arg(long = "exclude-campaign", value_name = "ID")]
    pub(crate) exclude: Vec<CampaignId>,
    /// Give the list back as CSV, with what is wrong with each row in a column 'error'
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
    /// Import the list although the campaign has this very file already
    #[arg(long)]
    pub(crate) again: bool,
}

#[derive(Subcommand)]
pub(crate) enum SuppressionCommand {
    /// Put a number on the list, for every sender or for one
    Add(SuppressionNumber),
    /// Take a number off the list
    Remove(SuppressionNumber),
    /// List the numbers, the last ones first
    List {
        /// How many are shown at most
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
    /// Put all numbers of a list on it: CSV, Excel or JSON Lines, also gzip'ed
    Import(SuppressionImport),
}

#[derive(ClapArgs)]
pub(crate) struct SuppressionNumber {
    /// The number, with its country code
    #[arg(allow_hyphen_values = true)]
    pub(crate) number: String,
    /// Only this sender must not write to it; without it no sender
    #[arg(long, value_name = "NAME")]
    pub(crate) sender: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct SuppressionImport {
    #[command(flatten)]
    pub(crate) file: ListFile,
    /// Only this sender must not write to them; without it no sender
    #[arg(long, value_name = "NAME")]
    pub(crate) sender: Option<String>,
}
