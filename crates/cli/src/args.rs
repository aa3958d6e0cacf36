//! The command line. Its comments are the `--help` texts, so they carry no Markdown.
#![expect(clippy::doc_markdown, reason = "backticks would be shown in --help")]

pub(crate) mod accounts;
pub(crate) mod campaigns;
pub(crate) mod database;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod lists;
pub(crate) mod prices;
pub(crate) mod sender_account;
pub(crate) mod senders;
pub(crate) mod texts;
pub(crate) mod webhook;
pub(crate) mod webhook_endpoint;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use campaign::{CampaignId, Provider};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

use crate::args::accounts::{AccountCommand, AuditCommand, KeyCommand};
use crate::args::campaigns::CampaignCommand;
use crate::args::database::DatabaseCommand;
use crate::args::health::HealthArgs;
use crate::args::lists::SuppressionCommand;
use crate::args::senders::SenderCommand;
use crate::args::texts::{FlowCommand, TemplateCommand};
use crate::args::webhook_endpoint::WebhookEndpointCommand;
use crate::version;

/// Send bulk WhatsApp Flow campaigns: at the provider's rate, losing no recipient, sending to no recipient twice.
///
/// DATABASE_URL and AMQP_URL give the addresses of PostgreSQL and RabbitMQ, or DATABASE_URL_FILE and AMQP_URL_FILE the files that
/// contain them. All other settings are in flowcast.toml or in
/// environment variables FLOWCAST_SECTION_KEY.
///
/// If FLOWCAST_URL is set, commands use the API of the server at this address instead, with the key in FLOWCAST_API_KEY or in the
/// file that FLOWCAST_API_KEY_FILE names: no password of the database is needed. The address must be https, unless it is this
/// machine or FLOWCAST_INSECURE=1 allows plain http.
///
/// Exit codes: 0 success, 1 failure, 2 wrong command line, 3 not found, 4 not possible in the present state, 5 PostgreSQL,
/// RabbitMQ, a provider or the API is not available (try again).
#[derive(Parser)]
#[command(name = "flowcast", version = version::SHOWN, max_term_width = 110)]
pub(crate) struct Args {
    /// Configuration file; default: ./flowcast.toml if it exists
    #[arg(long, global = true, env = "FLOWCAST_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Format of the log on standard error
    #[arg(long, global = true, env = "FLOWCAST_LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Format of the log.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run one campaign from list to report on this machine, with private services and a simulated provider
    Demo(demo::Demo),
    /// Apply database migrations
    Migrate,
    /// Check configuration, PostgreSQL and RabbitMQ, and print every problem
    CheckConfig,
    /// Manage senders: a number, an API key and a rate at a provider
    Sender {
        #[command(subcommand)]
        command: SenderCommand,
    },
    /// Manage the known flows of senders: their Flow JSON, for previews and for the labels of answers
    Flow {
        #[command(subcommand)]
        command: FlowCommand,
    },
    /// Manage the known templates of senders: their texts, for previews
    Template {
        #[command(subcommand)]
        command: TemplateCommand,
    },
    /// Show what the answers of a provider mean
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// Manage the suppression list: numbers that must not get messages
    Suppression {
        #[command(subcommand)]
        command: SuppressionCommand,
    },
    /// Manage campaigns: a message, a list and a sender
    Campaign {
        #[command(subcommand)]
        command: CampaignCommand,
    },
    /// Manage accounts of people: role, senders, one-time links
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Manage API keys of programs
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Manage webhook endpoints: addresses that receive signed events of campaigns and senders
    WebhookEndpoint {
        #[command(subcommand)]
        command: WebhookEndpointCommand,
    },
    /// Show and verify the audit: the actions of people and programs
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Show waiting recipients by campaign, with the reason and the expected end
    Waiting {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the senders with their stops, workers and waiting recipients, every second
    Top(Top),
    /// List and redrive dead-lettered queue messages
    DeadLetters {
        #[command(subcommand)]
        command: DeadLetterCommand,
    },
    /// Compare the counters of all reports with a full count; reads every table
    CheckCounts,
    /// Erase personal data of old campaigns
    Retention {
        #[command(subcommand)]
        command: RetentionCommand,
    },
    /// Erase a phone number and all data that belongs to it; a suppressed number stays suppressed
    Erase {
        /// The phone number, with its country code
        number: String,
    },
    /// Show and confirm the database from which senders may send, after a failover or a restore
    Database {
        #[command(subcommand)]
        command: DatabaseCommand,
    },
    /// Prepare a restored database for sending: recipients that may have been sent to since the backup become unknown
    Restored(Restored),
    /// Print the metrics of the installation once, in the text format of Prometheus
    Metrics,
    /// Ask a role on this machine whether it is ready, for a container's health check
    Health(HealthArgs),
    /// Run a producer: publish due recipients to RabbitMQ. Run more than one for availability
    Producer,
    /// Run a consumer: claim recipients and send their messages. Run as many as the load needs
    Consumer,
    /// Run a server: receive webhooks of the providers and uploads of lists. Run more than one for availability
    Server,
    /// Run a simulated provider, for rehearsals without a network
    Simulator(Simulator),
    /// Read a workbook from standard input, in a process with limits
    #[command(hide = true)]
    ReadWorkbook { request: String },
    /// Print a configuration file, manual pages or the completion script of a shell
    Generate {
        #[command(subcommand)]
        command: GenerateCommand,
    },
}

#[derive(Subcommand)]
pub(crate) enum GenerateCommand {
    /// Print a configuration file with all settings, their defaults and comments
    Config,
    /// Write the manual pages, one for each command, to a folder
    Man {
        /// The folder; it is created if it does not exist
        folder: PathBuf,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// The name of the role of an installation that this command runs.
    pub(crate) fn role(&self) -> Option<&'static str> {
        match self {
            Self::Producer => Some("producer"),
            Self::Consumer => Some("consumer"),
            Self::Server => Some("server"),
            _ => None,
        }
    }
}

/// Options of `flowcast top`.
#[derive(ClapArgs)]
pub(crate) struct Top {
    /// Show the table once
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one line of JSON each time
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `flowcast restored`.
#[derive(ClapArgs)]
pub(crate) struct Restored {
    /// When the backup was made (the beginning of pg_dump, or the recovery target), with a zone: 2026-11-29T03:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) backup_at: Timestamp,
    /// When the last consumer used the lost database
    #[arg(long, value_name = "TIME")]
    pub(crate) lost_at: Timestamp,
    /// A campaign that is a draft in the backup and was started after it; repeat the option for several
    #[arg(long, value_name = "ID")]
    pub(crate) started: Vec<CampaignId>,
    /// Include all waiting recipients, because a rate was raised or removed between the two times
    #[arg(long)]
    pub(crate) rate_was_raised: bool,
    /// Apply the changes; without this option they are only shown
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum ProviderCommand {
    /// Print the answers of a provider and how Flowcast handles each
    Errors {
        /// The provider
        provider: Provider,
    },
    /// Print every documented answer of every provider, and what happens to recipient, sender and campaign
    Answers {
        /// Only this provider
        provider: Option<Provider>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List dead letters, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish the recipients of dead-lettered messages again, if they are still waiting
    Redrive {
        /// Ids of dead letters; default: all that were not redriven yet
        ids: Vec<i64>,
    },
}

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// Erase phone numbers, variables and answers of campaigns that ended long ago; counters are kept
    Run {
        /// Minimum time since the end of the campaign, such as 90d
        #[arg(long, value_parser = humantime::parse_duration)]
        older_than: Duration,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Simulator {
    /// Provider to simulate
    #[arg(long, default_value = "kaleyra")]
    pub(crate) provider: simulator::Provider,
    /// Address to listen on; port 0 chooses a free port
    #[arg(long, default_value = "127.0.0.1:8070")]
    pub(crate) listen: SocketAddr,
    /// Account of the sender (Kaleyra: SID, 1msg: instance id, Meta: phone number id)
    #[arg(long, default_value = "HXSIMULATOR00IN")]
    pub(crate) account: String,
    /// Business number of the sender
    #[arg(long, default_value = "919900000000")]
    pub(crate) number: String,
    /// Environment variable with the API key; default key: simulator-key
    #[arg(long, value_name = "VAR")]
    pub(crate) api_key_env: Option<String>,
    /// Messages until the balance is low (Kaleyra: E110); default: unlimited
    #[arg(long)]
    pub(crate) balance: Option<u64>,
    /// Rate above which requests get 429, in a sliding window, such as 20/s
    #[arg(long)]
    pub(crate) rate_limit: Option<String>,
    /// Time until each answer, such as 50ms
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) latency: Option<Duration>,
    /// Address to post delivery statuses to: the address that 'flowcast sender webhook' prints, with http
    #[arg(long, value_name = "http://HOST:PORT/PATH")]
    pub(crate) webhook_url: Option<String>,
    /// TOML file with the shares of statuses and replies; default: all messages are delivered and read
    #[arg(long, value_name = "FILE", requires = "webhook_url")]
    pub(crate) webhook_rates: Option<PathBuf>,
    /// Environment variable with the webhook secret: Meta's app secret, or user:password
    #[arg(long, value_name = "VAR", requires = "webhook_url")]
    pub(crate) webhook_secret_env: Option<String>,
}
