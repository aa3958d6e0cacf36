//! A list that is refused for its content is told as an event.

use std::sync::Arc;

use campaign::CampaignId;
use store::Store;

use crate::error::Error;
use crate::import::options::ImportOptions;
use crate::import::{ImportReport, Progress, import_whole};
use crate::list::List;

/// Imports a list into a draft campaign, completely or not at all. If the content of the list is the reason why nothing was
/// imported, the event `list.refused` is written.
pub async fn import(
    store: &Store,
    campaign: CampaignId,
    list: List,
    options: ImportOptions,
    progress: Arc<Progress>,
) -> Result<ImportReport, Error> {
    let imported = Box::pin(import_whole(store, campaign, list, options, progress)).await;
    let problem = match &imported {
        Err(Error::BadList(_) | Error::Unreadable { .. }) => "bad-list",
        Err(Error::Store(store::Error::Known(_))) => "known-list",
        _ => return imported,
    };
    if let Err(error) = store.tell_refused_list(campaign, problem).await {
        tracing::warn!(campaign.id = %campaign, "the event of a refused list was not written: {error}");
    }
    imported
}
