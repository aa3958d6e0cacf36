//! Command line options of how a sender reaches its provider. The comments of the fields are `--help` texts.

use clap::Args as ClapArgs;

/// How a sender reaches its provider.
#[derive(ClapArgs)]
pub(crate) struct AccountArgs {
    /// Base URL of the provider's API: scheme and host
    #[arg(long, value_name = "https://HOST")]
    pub(crate) base_url: Option<String>,
    /// WhatsApp business number of the sender
    #[arg(long, value_name = "DIGITS")]
    pub(crate) number: Option<String>,
    /// Account id at the provider (Kaleyra: SID, 1msg: instance id, Meta: phone number id)
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Environment variable with the API key, in the environment of the consumers; consumers that lack it need a restart
    #[arg(long, value_name = "VAR", conflicts_with = "api_key_file")]
    pub(crate) api_key_env: Option<String>,
    /// File with the API key, on the machines of the consumers
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<String>,
    /// Version of Meta's Graph API, such as v23.0, or default
    #[arg(long, value_name = "VERSION")]
    pub(crate) api_version: Option<String>,
    /// Whether Kaleyra's path has a + before the number
    #[arg(long, value_name = "true|false")]
    pub(crate) plus_in_path: Option<bool>,
}
