//! `flowcast campaign export`: writes recipients of a campaign as a list that can be imported again.

use std::io::{ErrorKind, IsTerminal};

use campaign::CampaignId;
use control::{Export, ExportError};
use producer::ExportFormat;
use store::RecipientFilter;

use crate::exit::Refused;
use crate::plane::Plane;
use crate::terminal::output::{Listing, warning};

/// Writes the list to standard output.
pub(crate) async fn run(
    plane: &Plane,
    id: CampaignId,
    who: RecipientFilter,
    format: ExportFormat,
) -> anyhow::Result<()> {
    if format == ExportFormat::Xlsx && std::io::stdout().is_terminal() {
        let problem =
            format!("a workbook is not text; write it to a file with '… --format xlsx > campaign-{id}.xlsx'");
        return Err(Refused(problem).into());
    }
    let export = Export { who, format };
    match plane.export(id, export, Listing::new()).await {
        Ok(found) => {
            found.into_iter().for_each(warning);
            Ok(())
        }
        // The reader wants no more.
        Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        // A truncated list must not look complete.
        Err(ExportError::Write(error)) => Err(anyhow::anyhow!(
            "cannot write the list to standard output: {error}; the list is incomplete; free space, or write it to another file"
        )),
        Err(ExportError::Action(error)) => Err(error.into()),
    }
}
