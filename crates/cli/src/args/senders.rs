//! `flowcast sender`

use campaign::{CampaignId, Provider, Rate};
use clap::{Args as ClapArgs, Subcommand};
use control::DailyCap;

use crate::args::prices::SenderPrices;
use crate::args::sender_account::AccountArgs;
use crate::args::webhook::WebhookArgs;

#[derive(Subcommand)]
pub(crate) enum SenderCommand {
    /// Add a sender
    Add(SenderAdd),
    /// List senders
    List,
    /// Show a sender and, if it is stopped, the reason
    Show { name: String },
    /// Change a sender; rate and cap take effect in consumers within a second, the other settings within seconds
    Set {
        name: String,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        account: Box<AccountArgs>,
        #[command(flatten)]
        webhook: WebhookArgs,
        /// Create a new webhook address and verify token; the old address stops working
        #[arg(long)]
        new_webhook_path: bool,
    },
    /// Show or replace the price list of a sender; running campaigns keep the prices of their start
    Prices(SenderPrices),
    /// Print the webhook address to enter at the provider, and how its posts are authenticated; the address is secret
    Webhook { name: String },
    /// Stop a sender until it is resumed, also if it is stopped for another reason; its recipients wait
    Hold { name: String },
    /// Resume a stopped sender, unless its daily cap is used up
    Resume { name: String },
    /// Probe a stopped sender now with one waiting recipient; it opens if the provider accepts the message
    Probe { name: String },
    /// Send one real message to one number; it is not counted in the campaign
    Test(SenderTest),
}

#[derive(ClapArgs)]
pub(crate) struct SenderTest {
    /// Name of the sender
    pub(crate) name: String,
    /// Phone number to send to, with its country code
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: String,
    /// Campaign whose message is sent
    #[arg(long, value_name = "ID")]
    pub(crate) campaign: CampaignId,
    /// Value of a variable of the message; default: the name of the variable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Print the request with the API key masked, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, like first_name=Anna")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// Settings of a sender that can be changed while it sends.
#[derive(ClapArgs)]
pub(crate) struct Limits {
    /// Rate: 20/s, 80/s,burst=10, 50000/5m, or none
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<RateArg>,
    /// Most recipients per day: 10000 for days in UTC, 10000,zone=Africa/Nairobi, or none
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
    /// Name of the sender in commands and campaign files
    pub(crate) name: String,
    /// The provider
    #[arg(long)]
    pub(crate) provider: Provider,
    /// Base URL of the provider's API: scheme and host
    #[arg(long, value_name = "https://HOST")]
    pub(crate) base_url: String,
    /// WhatsApp business number of the sender
    #[arg(long, value_name = "DIGITS")]
    pub(crate) number: String,
    /// Account id at the provider (Kaleyra: SID, 1msg: instance id, Meta: phone number id)
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Environment variable with the API key, in the environment of the consumers
    #[arg(
        long,
        value_name = "VAR",
        conflicts_with = "api_key_file",
        required_unless_present = "api_key_file"
    )]
    pub(crate) api_key_env: Option<String>,
    /// File with the API key, on the machines of the consumers
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<String>,
    /// Rate: 20/s, 80/s,burst=10, 50000/5m, or none
    #[arg(long, value_parser = rate)]
    pub(crate) rate: RateArg,
    /// Most recipients per day: 10000 for days in UTC, 10000,zone=Africa/Nairobi, or none
    #[arg(long, value_parser = daily_cap, value_name = "CAP", default_value = "none")]
    pub(crate) daily_cap: CapArg,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
}

/// A rate, or `none`.
#[derive(Clone, Copy)]
pub(crate) struct RateArg(pub(crate) Option<Rate>);

pub(crate) fn rate(text: &str) -> Result<RateArg, campaign::RateError> {
    if text == "none" {
        return Ok(RateArg(None));
    }
    text.parse().map(|rate| RateArg(Some(rate)))
}
