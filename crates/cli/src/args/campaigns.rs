//! The command line of `flowcast campaign`. Its comments are the `--help` texts.

use std::path::PathBuf;

use campaign::{CampaignId, Seq};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::args::lists::CampaignImport;

#[derive(Subcommand)]
pub(crate) enum CampaignCommand {
    /// Create a campaign from its file and print its id
    Create { file: PathBuf },
    /// Replace the definition of a draft by a campaign file
    Edit {
        id: CampaignId,
        file: PathBuf,
        /// Version that was edited, to notice edits of others; default: the current version
        #[arg(long, value_name = "N")]
        version: Option<i32>,
    },
    /// Create a draft with the definition of another campaign, without its lists, and print its id
    Clone {
        id: CampaignId,
        /// Name of the new campaign; default: the old name with "(copy)"
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete a draft with its lists
    Delete { id: CampaignId },
    /// Print the definition of a campaign as a campaign file
    Show {
        id: CampaignId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List campaigns, newest first
    List {
        /// Campaigns per page
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// List campaigns older than this one
        #[arg(long, value_name = "ID")]
        before: Option<CampaignId>,
    },
    /// Import a list of recipients: CSV, Excel (.xlsx) or JSON Lines, also gzipped; the first row names the columns
    Import(Box<CampaignImport>),
    /// Show whether a campaign can start, how many recipients it reaches, its duration and cost, and sample messages
    Check {
        id: CampaignId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Request the start of a large campaign, which another person starts ([console] approval_above)
    RequestStart { id: CampaignId },
    /// Start a campaign
    Start { id: CampaignId },
    /// Pause a campaign until it is resumed, also if it is paused for another reason
    Pause { id: CampaignId },
    /// Resume a paused campaign
    Resume { id: CampaignId },
    /// Cancel a campaign; recipients that were not sent to are cancelled for good
    Cancel { id: CampaignId },
    /// Resolve unknown recipients: those that the provider may or may not have accepted
    Resolve(CampaignResolve),
    /// Send again to failed or undelivered recipients, as new attempts
    Retry(CampaignRetry),
    /// Write recipients to standard output as a list that can be imported again
    Export {
        id: CampaignId,
        /// Which recipients
        #[arg(long, value_enum)]
        who: ExportWho,
        /// Format of the list; spreadsheet programs keep all digits of the numbers in xlsx
        #[arg(long, value_enum, default_value = "csv")]
        format: ListFormat,
    },
    /// Delete recipients, attempts, receipts and answers of an ended campaign; its counters are kept
    Archive { id: CampaignId },
    /// Show the progress of a campaign
    Status {
        id: CampaignId,
        /// Update the progress until the campaign ends
        #[arg(long)]
        watch: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the report of a campaign
    Report {
        id: CampaignId,
        /// Format of the report
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

/// Format of a report.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// Comma separated, with a header row.
    Csv,
    /// One JSON object.
    Json,
}

#[derive(ClapArgs)]
pub(crate) struct CampaignResolve {
    /// Id of the campaign
    pub(crate) id: CampaignId,
    /// How to resolve them; with resend a person may get the message twice
    #[arg(long, value_enum)]
    pub(crate) unknown: Unknown,
    /// Only recipients with these sequence numbers
    #[arg(long = "recipient-seq", value_name = "SEQ", value_delimiter = ',')]
    pub(crate) seqs: Vec<Seq>,
    /// Reason, stored with the resolution
    #[arg(long, default_value = "decided by hand")]
    pub(crate) reason: String,
}

#[derive(ClapArgs)]
pub(crate) struct CampaignRetry {
    /// Id of the campaign
    pub(crate) id: CampaignId,
    /// Which recipients to send to again
    #[arg(long, value_enum)]
    pub(crate) class: RetryWho,
    /// Only recipients with this reason code
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Reason, stored with the resolution
    #[arg(long, default_value = "decided by hand")]
    pub(crate) reason: String,
}

/// Recipients to send to again.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RetryWho {
    /// Permanently refused, or out of attempts
    Failed,
    /// Accepted by the provider, with a failed receipt later
    Undelivered,
}

/// Format of an exported list.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ListFormat {
    /// CSV in UTF-8
    Csv,
    /// An Excel workbook
    Xlsx,
}

impl From<ListFormat> for producer::ExportFormat {
    fn from(format: ListFormat) -> Self {
        match format {
            ListFormat::Csv => Self::Csv,
            ListFormat::Xlsx => Self::Xlsx,
        }
    }
}

/// Which recipients are exported.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportWho {
    /// Accepted by the provider
    Accepted,
    /// Permanently refused, or out of attempts
    Failed,
    /// May or may not have been accepted
    Unknown,
    /// Suppressed, or the window is closed
    Skipped,
    /// Not sent to before the deadline
    Expired,
    /// Not sent to because the campaign was cancelled
    Cancelled,
    /// Accepted by the provider, without a delivered receipt
    NotDelivered,
    /// Accepted by the provider, without a completed flow
    NotAnswered,
}

/// How unknown recipients are resolved.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Unknown {
    /// Send to them again
    Resend,
    /// Count them as failed
    GiveUp,
}
