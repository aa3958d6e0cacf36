//! The command lines of flows and templates. Its comments are the `--help` texts, so they carry no Markdown.
#![expect(clippy::doc_markdown, reason = "backticks would be shown in --help")]

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use control::{TemplateButton, TemplateCategory, TemplateStatus};

#[derive(Subcommand)]
pub(crate) enum FlowCommand {
    /// List the flows of a sender whose Flow JSON is known
    List {
        /// Name of the sender
        sender: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the Flow JSON of a flow
    Show {
        /// Name of the sender
        sender: String,
        /// Id of the flow at the provider
        flow_id: String,
    },
    /// Add a flow from its Flow JSON, or replace it; nothing is sent to the provider
    Set {
        /// Name of the sender
        sender: String,
        /// Id of the flow at the provider
        flow_id: String,
        /// File with the Flow JSON, as the builder of WhatsApp Manager exports it; at most 512 KiB
        file: PathBuf,
        /// Name of the flow for people
        #[arg(long)]
        name: String,
    },
    /// Print the recipient of a flow token, as the endpoint of a flow gets it
    Decode {
        /// The flow token
        token: String,
        /// Print the phone number too; the audit records it
        #[arg(long)]
        number: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a flow; campaigns that use it go on
    Remove {
        /// Name of the sender
        sender: String,
        /// Id of the flow at the provider
        flow_id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum TemplateCommand {
    /// List the templates of a sender whose text is known
    List {
        /// Name of the sender
        sender: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the text of a template
    Show(TemplateName),
    /// Add the text of a template, or replace it; nothing is sent to the provider
    Set(TemplateSet),
    /// Read the approved templates of a sender from its provider (Meta, 1msg), and store them; nothing is sent to people
    Fetch {
        /// Name of the sender
        sender: String,
        /// Id of the WhatsApp Business account, for Meta
        #[arg(long, value_name = "ID")]
        business_account: Option<String>,
    },
    /// Remove the text of a template; campaigns that use it go on
    Remove(TemplateName),
}

#[derive(ClapArgs)]
pub(crate) struct TemplateName {
    /// Name of the sender
    pub(crate) sender: String,
    /// Name of the template at the provider
    pub(crate) name: String,
    /// Language of the template, such as en_US
    pub(crate) language: String,
}

#[derive(ClapArgs)]
pub(crate) struct TemplateSet {
    #[command(flatten)]
    pub(crate) template: TemplateName,
    /// The body as it was approved, with its variables {{1}}, {{2}}
    #[arg(long)]
    pub(crate) body: String,
    /// The header
    #[arg(long)]
    pub(crate) header: Option<String>,
    /// What the header is: text, image, video or document
    #[arg(long)]
    pub(crate) header_format: Option<String>,
    /// The footer
    #[arg(long)]
    pub(crate) footer: Option<String>,
    /// A button: TEXT, or TEXT=FLOW_ID if it opens a flow; repeat the option for several
    #[arg(long = "button", value_name = "TEXT[=FLOW_ID]", value_parser = button)]
    pub(crate) buttons: Vec<TemplateButton>,
    /// marketing, utility or authentication
    #[arg(long, value_parser = category)]
    pub(crate) category: Option<TemplateCategory>,
    /// approved, pending, rejected, paused or disabled
    #[arg(long, value_parser = status)]
    pub(crate) status: Option<TemplateStatus>,
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn button(text: &str) -> Result<TemplateButton, String> {
    let (text, flow_id) = match text.rsplit_once('=') {
        Some((text, flow_id)) => (text, Some(flow_id.trim().to_owned())),
        None => (text, None),
    };
    Ok(TemplateButton { text: text.trim().to_owned(), flow_id, ..TemplateButton::default() })
}

fn category(word: &str) -> Result<TemplateCategory, &'static str> {
    serde_json::from_value(word.into()).map_err(|_| "write marketing, utility or authentication")
}

fn status(word: &str) -> Result<TemplateStatus, &'static str> {
    serde_json::from_value(word.into()).map_err(|_| "write approved, pending, rejected, paused or disabled")
}
