//! The command line. Its comments are the `--help` texts, so they carry no Markdown.
#![expect(clippy::doc_markdown, reason = "backticks would be shown in --help")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use campaign::{CampaignId, Provider, Rate};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use store::DailyCap;

use crate::campaign_args::CampaignCommand;
use crate::list_args::SuppressionCommand;
use crate::prices::SenderPrices;
use crate::webhook_args::WebhookArgs;

/// Sends bulk WhatsApp Flow campaigns: at the provider's pace, without losing anyone, without sending anyone twice.
///
/// DATABASE_URL and AMQP_URL say where Postgres and RabbitMQ are; flowcast.toml and FLOWCAST_SECTION_KEY say the rest.
///
/// Exit codes: 0 done, 1 failed, 2 wrong command line, 3 no such thing, 4 refused as things stand, 5 Postgres, RabbitMQ
/// or a provider is away: try again.
#[derive(Parser)]
#[command(name = "flowcast", version, max_term_width = 110)]
pub(crate) struct Args {
    /// The configuration file; without it ./flowcast.toml is read if it is there
    #[arg(long, global = true, env = "FLOWCAST_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How logs are written to standard error
    #[arg(long, global = true, env = "FLOWCAST_LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How logs are written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show everything on this machine: private services, a simulated provider, one campaign from list to report
    Demo(Demo),
    /// Bring the database tables to this version
    Migrate,
    /// Check configuration, Postgres and RabbitMQ, and say everything that is wrong
    CheckConfig,
    /// Sending identities: number, key and rate at a provider
    Sender {
        #[command(subcommand)]
        command: SenderCommand,
    },
    /// The providers: what their answers mean
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// The suppression list: who must not be written to
    Suppression {
        #[command(subcommand)]
        command: SuppressionCommand,
    },
    /// Campaigns: a message, a list and a sender
    Campaign {
        #[command(subcommand)]
        command: CampaignCommand,
    },
    /// Say who waits, why, since when and until when
    Waiting {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Messages that were of no use to a worker
    DeadLetters {
        #[command(subcommand)]
        command: DeadLetterCommand,
    },
    /// Compare the kept counts of all reports with a full count; reads every table
    CheckCounts,
    /// How long personal data is kept
    Retention {
        #[command(subcommand)]
        command: RetentionCommand,
    },
    /// Erase a number everywhere, with all that belongs to it; it stays suppressed if it is
    Erase { number: String },
    /// Prepare a database restored from a backup for sending: recipients that may have been sent to since become unknown
    Restored(Restored),
    /// Feed the senders' queues, until told to stop; start as many as you like
    Producer,
    /// Send, until told to stop; start as many as you like
    Consumer,
    /// Take in what the providers post, until told to stop; start as many as you like
    Server,
    /// Stand in for a provider, for rehearsals without a network
    Simulator(Simulator),
    /// Read the workbook on standard input, in a process of its own with limits
    #[command(hide = true)]
    ReadWorkbook { request: String },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Options of `flowcast restored`.
#[derive(ClapArgs)]
pub(crate) struct Restored {
    /// When the backup was made (the beginning of pg_dump, or the recovery target), with a zone: 2026-11-29T03:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) backup_at: Timestamp,
    /// When the last consumer worked on the lost database
    #[arg(long, value_name = "TIME")]
    pub(crate) lost_at: Timestamp,
    /// A campaign that is a draft in the backup and was started since; repeat it for several
    #[arg(long, value_name = "ID")]
    pub(crate) started: Vec<CampaignId>,
    /// Take all waiting recipients: a rate was raised or removed between the two times
    #[arg(long)]
    pub(crate) rate_was_raised: bool,
    /// Do it; without this option only show what would be done
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum SenderCommand {
    /// Add a sender
    Add(SenderAdd),
    /// List the senders
    List,
    /// Show one sender, and why it is stopped if it is
    Show { name: String },
    /// Change the rate, the daily cap or the webhook; workers feel it at once, servers within seconds
    Set {
        name: String,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        webhook: WebhookArgs,
        /// Make address and verify token anew; the old address takes nothing any more
        #[arg(long)]
        new_webhook_path: bool,
    },
    /// Show what a sender's messages cost, or take a new price list; running campaigns keep the prices of their start
    Prices(SenderPrices),
    /// Print the address to be pasted at the provider, and how its posts are known; it is a secret
    Webhook { name: String },
    /// Stop a sender until it is resumed, also one that is stopped for another reason; recipients keep waiting
    Hold { name: String },
    /// Open a stopped sender again, unless its daily cap is used up
    Resume { name: String },
    /// Send one real message to one number, outside the campaign's counts
    Test(SenderTest),
}

#[derive(ClapArgs)]
pub(crate) struct SenderTest {
    /// The sender
    pub(crate) name: String,
    /// The number it goes to, with its country code
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: String,
    /// The campaign whose message is sent
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: CampaignId,
    /// A variable of the message; without it a variable shows its own name
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Print the request without sending it; the key is masked
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, like first_name=Anna")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[derive(Subcommand)]
pub(crate) enum ProviderCommand {
    /// Print the answers of a provider and what is done about each
    Errors {
        /// The provider
        provider: Provider,
    },
}

/// What of a sender can be changed while it sends.
#[derive(ClapArgs)]
pub(crate) struct Limits {
    /// Such as 20/s, 80/s,burst=10, 50000/5m, or none
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<RateArg>,
    /// Most recipients of a day: 10000 for days in UTC, 10000,zone=Africa/Nairobi, or none
    #[arg(long, value_parser = daily_cap, value_name = "CAP")]
    pub(crate) daily_cap: Option<CapArg>,
}

/// A daily cap, or `none`.
#[derive(Clone)]
pub(crate) struct CapArg(pub(crate) Option<DailyCap>);

fn daily_cap(text: &str) -> Result<CapArg, String> {
    if text == "none" {
        return Ok(CapArg(None));
    }
    let (recipients, zone) = match text.split_once(',') {
        Some((recipients, zone)) => (recipients, zone.trim().strip_prefix("zone=")),
        None => (text, Some("UTC")),
    };
    let recipients = recipients.trim().replace('_', "").parse().ok().filter(|recipients| *recipients > 0);
    let (Some(recipients), Some(zone)) = (recipients, zone) else {
        return Err(
            "write how many recipients a day, like 10000 or 10000,zone=Africa/Nairobi, or none".into()
        );
    };
    Ok(CapArg(Some(DailyCap { recipients, zone: zone.to_owned() })))
}

#[derive(ClapArgs)]
pub(crate) struct SenderAdd {
    /// Its name in commands and campaign files
    pub(crate) name: String,
    /// The provider
    #[arg(long)]
    pub(crate) provider: Provider,
    /// Address of the provider's API, scheme and host
    #[arg(long, value_name = "https://HOST")]
    pub(crate) base_url: String,
    /// Our WhatsApp business number
    #[arg(long, value_name = "DIGITS")]
    pub(crate) number: String,
    /// Account id at the provider (Kaleyra: SID, 1msg: instance id, Meta: phone number id)
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Environment variable of the workers that holds the key
    #[arg(
        long,
        value_name = "VAR",
        conflicts_with = "api_key_file",
        required_unless_present = "api_key_file"
    )]
    pub(crate) api_key_env: Option<String>,
    /// File at the workers that holds the key
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<String>,
    /// How fast it may send: 20/s, 80/s,burst=10, 50000/5m, or none
    #[arg(long, value_parser = rate)]
    pub(crate) rate: RateArg,
    /// Most recipients of a day: 10000 for days in UTC, 10000,zone=Africa/Nairobi, or none
    #[arg(long, value_parser = daily_cap, value_name = "CAP", default_value = "none")]
    pub(crate) daily_cap: CapArg,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
}

/// A rate, or `none`.
#[derive(Clone, Copy)]
pub(crate) struct RateArg(pub(crate) Option<Rate>);

fn rate(text: &str) -> Result<RateArg, campaign::RateError> {
    if text == "none" {
        return Ok(RateArg(None));
    }
    text.parse().map(|rate| RateArg(Some(rate)))
}

#[derive(Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List them, the last ones first
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish the recipients of dead tasks again, if they still wait
    Redrive {
        /// Only these dead letters; without it all that were not redriven yet
        ids: Vec<i64>,
    },
}

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// Erase numbers, variables and answers of campaigns that ended long ago; counts are kept
    Run {
        /// How long ago they ended, such as 90d
        #[arg(long, value_parser = humantime::parse_duration)]
        older_than: Duration,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Simulator {
    /// The provider to stand in for
    #[arg(long, default_value = "kaleyra")]
    pub(crate) provider: simulator::Provider,
    /// Where to listen; port 0 is any free port
    #[arg(long, default_value = "127.0.0.1:8070")]
    pub(crate) listen: SocketAddr,
    /// The account the provider knows (Kaleyra: SID, 1msg: instance id, Meta: phone number id)
    #[arg(long, default_value = "HXSIMULATOR00IN")]
    pub(crate) account: String,
    /// The business number the provider knows
    #[arg(long, default_value = "919900000000")]
    pub(crate) number: String,
    /// Environment variable that holds the key the provider knows; without it the key is simulator-key
    #[arg(long, value_name = "VAR")]
    pub(crate) api_key_env: Option<String>,
    /// Messages until the balance is used up and is refused as low (Kaleyra: E110); without it endless
    #[arg(long)]
    pub(crate) balance: Option<u64>,
    /// Requests in a sliding window above which 429 is answered, such as 20/s
    #[arg(long)]
    pub(crate) rate_limit: Option<String>,
    /// How long every answer takes, such as 50ms
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) latency: Option<Duration>,
    /// Where to post what becomes of the messages: what 'flowcast sender webhook' prints, in plain http
    #[arg(long, value_name = "http://HOST:PORT/PATH")]
    pub(crate) webhook_url: Option<String>,
    /// File that says at what rates what becomes of them (TOML); without it all are delivered and read
    #[arg(long, value_name = "FILE", requires = "webhook_url")]
    pub(crate) webhook_rates: Option<PathBuf>,
    /// Environment variable with the secret to post with: Meta's app secret, or user:password
    #[arg(long, value_name = "VAR", requires = "webhook_url")]
    pub(crate) webhook_secret_env: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct Demo {
    /// How many recipients
    #[arg(long, default_value_t = 10_000)]
    pub(crate) recipients: u32,
    /// How fast the sender may send, or none
    #[arg(long, default_value = "1000/s", value_parser = rate)]
    pub(crate) rate: RateArg,
    /// How many consumers
    #[arg(long, default_value_t = 2)]
    pub(crate) consumers: u32,
    /// How long the simulated provider takes to answer
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    pub(crate) latency: Duration,
}
