//! `flowcast campaign export`: some of a campaign's recipients as a list that can be imported again.

use campaign::{CampaignId, Seq};
use store::{Store, Who};

use crate::output::list_part;
use crate::reports::quoted;

/// Recipients read at once.
const PAGE: i64 = 5_000;

/// Writes the list to standard output. Numbers are digits only, so that no spreadsheet takes one for a formula; any other
/// cell that looks like one begins with an apostrophe.
pub(crate) async fn run(store: &Store, id: CampaignId, who: Who) -> anyhow::Result<()> {
    let columns = store.list_columns(id).await?;
    let header: Vec<String> =
        std::iter::once("phone".to_owned()).chain(columns.iter().map(|column| quoted(column))).collect();
    list_part(format!("{}\n", header.join(",")).as_bytes())?;
    let mut after = Seq(0);
    loop {
        let page = store.listed(id, who, (after, PAGE)).await?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after = *last;
        let mut lines = String::new();
        for (_, msisdn, variables) in &page {
            lines.push_str(&msisdn.digits().to_string());
            for column in &columns {
                lines.push(',');
                lines.push_str(&quoted(variables.0.get(column).map_or("", String::as_str)));
            }
            lines.push('\n');
        }
        list_part(lines.as_bytes())?;
    }
}
