//! `flowcast campaign export`: writes recipients of a campaign as a list that can be imported again.

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal};

use campaign::{CampaignId, Seq};
use producer::{ExportFormat, Exported, ListsConfig, Spool, export_header, variable_name};
use store::{ImportRow, RecipientFilter, Store};

use crate::exit::Refused;
use crate::terminal::output::{Listing, warning};

/// Recipients read at once.
const PAGE: i64 = 5_000;

/// Writes the list to standard output, with the column names of the imported lists. Numbers are written as digits only,
/// so that no spreadsheet reads one as a formula.
pub(crate) async fn run(
    store: &Store,
    lists: &ListsConfig,
    id: CampaignId,
    who: RecipientFilter,
    format: ExportFormat,
) -> anyhow::Result<()> {
    if format == ExportFormat::Xlsx && std::io::stdout().is_terminal() {
        let problem =
            format!("a workbook is not text; write it to a file with '… --format xlsx > campaign-{id}.xlsx'");
        return Err(Refused(problem).into());
    }
    let (columns, header) = columns(&store.lists(id).await?, store.list_columns(id).await?);
    let spool = Spool::new(lists);
    let begun = Exported::begin(format, Listing::new(), spool.folder(), &header);
    let Some(mut list) = written(begun)? else { return Ok(()) };
    let mut after = Seq(0);
    loop {
        let page = store.listed(id, who, (after, PAGE)).await?;
        let Some((last, ..)) = page.last() else {
            written(list.finish())?;
            return Ok(());
        };
        after = *last;
        for (_, msisdn, variables) in &page {
            let cells = columns.iter().map(|column| variables.0.get(column).map_or("", String::as_str));
            if written(list.recipient(*msisdn, cells))?.is_none() {
                return Ok(());
            }
        }
    }
}

/// A truncated list must not look complete, so a write error is an error. The exception is a closed pipe, whose reader
/// wants no more.
fn written<T>(result: std::io::Result<T>) -> anyhow::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(anyhow::anyhow!(
            "cannot write the list to standard output: {error}; the list is incomplete; free space, or write it to another file"
        )),
    }
}

/// The variables in the order of the lists, and the header: the number column, then the variables as the lists name
/// them.
fn columns(lists: &[ImportRow], mut variables: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut spelled = BTreeMap::new();
    for column in lists.iter().flat_map(|list| &list.columns) {
        let place = spelled.len();
        spelled.entry(variable_name(column)).or_insert((place, column.clone()));
    }
    variables.sort_by_cached_key(|name| {
        let place = spelled.get(name).map_or(usize::MAX, |(place, _)| *place);
        (place, name.clone())
    });
    let spelling = |name: &String| spelled.get(name).map_or(name, |(_, column)| column).clone();
    let names: Vec<String> = variables.iter().map(spelling).collect();
    let number = lists.iter().find_map(|list| list.number_column.as_deref());
    let header = export_header(number, &names).unwrap_or_else(|| {
        warning("the list has several columns that may hold the number; import it with --number-column number_of_recipient");
        std::iter::once("number_of_recipient".to_owned()).chain(names).collect()
    });
    (variables, header)
}
