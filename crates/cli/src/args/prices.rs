//! The command line of `flowcast sender prices`. Its comments are the `--help` texts, so they carry no Markdown.
#![expect(clippy::doc_markdown, reason = "backticks would be shown in --help")]

use std::path::PathBuf;

use campaign::Currency;
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
pub(crate) struct SenderPrices {
    /// Name of the sender
    pub(crate) name: String,
    /// CSV file with the columns calling_code,price; one row may be "default". It replaces all prices
    #[arg(value_name = "FILE.csv", requires = "currency")]
    pub(crate) file: Option<PathBuf>,
    /// Currency of the prices, such as KES
    #[arg(long, requires = "file")]
    pub(crate) currency: Option<Currency>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
