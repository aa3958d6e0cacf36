//! Command line options of webhook endpoints. Its comments are the `--help` texts, so they carry no Markdown.

use clap::{Args as ClapArgs, Subcommand};
use jiff::Timestamp;

#[derive(Subcommand)]
pub(crate) enum WebhookEndpointCommand {
    /// Add a webhook endpoint, and print the secret with which the receiver verifies signatures; it is shown only once
    Add(WebhookEndpointAdd),
    /// List webhook endpoints
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a webhook endpoint
    Show {
        /// Name of the webhook endpoint
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the address or the events of a webhook endpoint, disable it or enable it
    Set(WebhookEndpointSet),
    /// Renew the secret, and print it; for 24 hours, deliveries are signed with both secrets
    Renew {
        /// Name of the webhook endpoint
        name: String,
    },
    /// Remove a webhook endpoint with its deliveries
    Remove {
        /// Name of the webhook endpoint
        name: String,
    },
    /// Send a test event
    Ping {
        /// Name of the webhook endpoint
        name: String,
    },
    /// List deliveries, newest event first, with the status and the answer of the last attempt
    Deliveries {
        /// Name of the webhook endpoint
        name: String,
        /// Maximum number of rows, at most 200
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Only events with a lower number, to continue a list
        #[arg(long, value_name = "EVENT")]
        before: Option<i64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send one event again, or all events since a time that were not delivered
    Resend(WebhookEndpointResend),
}

#[derive(ClapArgs)]
pub(crate) struct WebhookEndpointAdd {
    /// Name of the webhook endpoint: letters, digits, '.', '-' and '_'
    pub(crate) name: String,
    /// Address to post to; https, unless the configuration allows its network (section webhooks, networks)
    pub(crate) url: String,
    /// Send only this kind of event, such as campaign.finished; repeat the option for several. Default: all
    #[arg(long = "event", value_name = "KIND")]
    pub(crate) events: Vec<String>,
}

#[derive(ClapArgs)]
pub(crate) struct WebhookEndpointSet {
    /// Name of the webhook endpoint
    pub(crate) name: String,
    /// Address to post to
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Send this kind of event instead of the present kinds; repeat the option for several
    #[arg(long = "event", value_name = "KIND", conflicts_with = "all_events")]
    pub(crate) events: Vec<String>,
    /// Send all kinds of events
    #[arg(long)]
    pub(crate) all_events: bool,
    /// Whether events are delivered
    #[arg(long, value_name = "true|false")]
    pub(crate) enabled: Option<bool>,
}

#[derive(ClapArgs)]
pub(crate) struct WebhookEndpointResend {
    /// Name of the webhook endpoint
    pub(crate) name: String,
    /// Number of the event, also of a delivered one
    #[arg(long, conflicts_with = "since", required_unless_present = "since")]
    pub(crate) event: Option<i64>,
    /// All events since this time that were not delivered, such as 2026-11-29T03:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
}
