//! The command line of `flowcast campaign`. Its comments are the `--help` texts.

use std::path::PathBuf;

use campaign::{CampaignId, Seq};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::list_args::CampaignImport;

#[derive(Subcommand)]
pub(crate) enum CampaignCommand {
    /// Create a campaign from its file and print its id
    Create { file: PathBuf },
    /// List campaigns, the newest first
    List {
        /// Campaigns of one page
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// List campaigns older than this one
        #[arg(long, value_name = "ID")]
        before: Option<CampaignId>,
    },
    /// Import a list: CSV, Excel (.xlsx) or JSON Lines, also gzip'ed; its first row names the columns
    Import(Box<CampaignImport>),
    /// Say whether a campaign could be started, whom it would reach, how long it would take, and what they would get
    Check {
        id: CampaignId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Start a campaign
    Start { id: CampaignId },
    /// Pause a campaign until it is resumed, also one that was paused for another reason
    Pause { id: CampaignId },
    /// Continue a paused campaign
    Resume { id: CampaignId },
    /// End a campaign; everyone not sent to is cancelled for good
    Cancel { id: CampaignId },
    /// Settle recipients the provider may or may not have taken
    Resolve(CampaignResolve),
    /// Send again to those refused for good or not delivered to, as new attempts
    Retry(CampaignRetry),
    /// Write some of the recipients to standard output as a list that can be imported again
    Export {
        id: CampaignId,
        /// Which of them
        #[arg(long, value_enum)]
        who: ExportWho,
        /// What the list is written in; spreadsheets show the numbers of a workbook whole
        #[arg(long, value_enum, default_value = "csv")]
        format: ListFormat,
    },
    /// Delete recipients, attempts, receipts and answers of an ended campaign; its counts are kept
    Archive { id: CampaignId },
    /// Show how far a campaign is
    Status {
        id: CampaignId,
        /// Keep showing it until it ends
        #[arg(long)]
        watch: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the report of a campaign
    Report {
        id: CampaignId,
        /// How it is written
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

/// How a report is written.
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
    /// The campaign
    pub(crate) id: CampaignId,
    /// What becomes of them; who is sent to again may get the message twice
    #[arg(long, value_enum)]
    pub(crate) unknown: Unknown,
    /// Only the recipients at these places of the list
    #[arg(long = "recipient-seq", value_name = "SEQ", value_delimiter = ',')]
    pub(crate) seqs: Vec<Seq>,
    /// Why, for the record
    #[arg(long, default_value = "decided by hand")]
    pub(crate) reason: String,
}

#[derive(ClapArgs)]
pub(crate) struct CampaignRetry {
    /// The campaign
    pub(crate) id: CampaignId,
    /// Whom to send to again
    #[arg(long, value_enum)]
    pub(crate) class: RetryWho,
    /// Only those with this code
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Why, for the record
    #[arg(long, default_value = "decided by hand")]
    pub(crate) reason: String,
}

/// Whom to send to again.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RetryWho {
    /// Refused for good, or given up
    Failed,
    /// Taken by the provider, and a failure was reported later
    Undelivered,
}

/// What a list is written in.
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

/// Which recipients are written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportWho {
    /// Whose message the provider took
    Accepted,
    /// Refused for good, or given up
    Failed,
    /// Of whom nobody knows
    Unknown,
    /// Who must not be written to
    Skipped,
    /// Not sent to before the deadline
    Expired,
    /// Not sent to because the campaign was cancelled
    Cancelled,
    /// Taken by the provider, and no delivery was reported
    NotDelivered,
    /// Taken by the provider, and the flow was not completed
    NotAnswered,
}

/// What is decided about those who are unknown.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Unknown {
    /// Send to them again
    Resend,
    /// They failed
    GiveUp,
}
