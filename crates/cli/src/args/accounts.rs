//! Command line options of accounts, API keys and the audit. Its comments are the `--help` texts, so they carry no Markdown.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use control::Role;
use ipnet::IpNet;

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account, and print the one-time link with which the person sets the password
    Add(AccountAdd),
    /// List accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an account
    Show {
        /// Name of the account
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change an account; takes effect at its next request
    Set(AccountSet),
    /// Disable an account: its sessions and links end at once, its API keys are refused
    Disable {
        /// Name of the account
        name: String,
    },
    /// Enable a disabled account; its earlier sessions stay ended
    Enable {
        /// Name of the account
        name: String,
    },
    /// Remove the authenticator app of an account, for a person who lost the phone and the recovery codes
    RemoveApp {
        /// Name of the account
        name: String,
    },
    /// Print a new one-time link to set the password; earlier links stop working
    Link {
        /// Name of the account
        name: String,
    },
}

/// What an account or a key may do.
#[derive(ClapArgs)]
pub(crate) struct GrantArgs {
    /// Role: viewer, marketer, operator or admin
    #[arg(long)]
    pub(crate) role: Role,
    /// Limit to this sender; repeat the option for several. Default: all senders
    #[arg(long = "sender", value_name = "NAME")]
    pub(crate) senders: Vec<String>,
    /// Allow to see and download whole phone numbers
    #[arg(long)]
    pub(crate) numbers: bool,
}

#[derive(ClapArgs)]
pub(crate) struct AccountAdd {
    /// Name at log-in: letters a-z, digits, '.', '-' and '_'
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) grant: GrantArgs,
    /// Email address
    #[arg(long)]
    pub(crate) email: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct AccountSet {
    /// Name of the account
    pub(crate) name: String,
    /// Role: viewer, marketer, operator or admin
    #[arg(long)]
    pub(crate) role: Option<Role>,
    /// Limit to this sender instead of the present senders; repeat the option for several
    #[arg(long = "sender", value_name = "NAME", conflicts_with = "all_senders")]
    pub(crate) senders: Vec<String>,
    /// Allow all senders
    #[arg(long)]
    pub(crate) all_senders: bool,
    /// Whether whole phone numbers may be seen and downloaded
    #[arg(long, value_name = "true|false")]
    pub(crate) numbers: Option<bool>,
    /// Email address, or none
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Time zone in which times are shown, such as Africa/Nairobi, or none
    #[arg(long)]
    pub(crate) zone: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Add an API key, and print it; it is shown only once
    Add(KeyAdd),
    /// List API keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke an API key; its next request is refused
    Revoke {
        /// Id of the key: the 8 characters after fc_
        id: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct KeyAdd {
    /// What the key is for
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) grant: GrantArgs,
    /// Time until the key expires, at most 365d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) expires: Duration,
    /// Accept requests from this network only, such as 203.0.113.0/24 or 198.51.100.7/32; repeat the option for several
    #[arg(long = "network", value_name = "NETWORK")]
    pub(crate) networks: Vec<IpNet>,
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// List actions of people and programs, newest first
    List(AuditList),
    /// Check that no row of the audit was changed or removed; reads all rows
    Verify,
}

#[derive(ClapArgs)]
pub(crate) struct AuditList {
    /// Only actions of this user, account or API key
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this action, such as campaign.start
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only actions on this kind of object, such as campaign, or on one object, such as campaign:7
    #[arg(long, value_name = "KIND[:ID]")]
    pub(crate) object: Option<String>,
    /// Maximum number of rows
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
