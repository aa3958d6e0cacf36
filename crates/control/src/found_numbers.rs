//! What people do with numbers: find one in all campaigns, and suppress a recipient or numbers that they paste.

use std::io::{Seek as _, Write as _};

use campaign::{CampaignId, Seq};
use producer::{ImportOptions, List, ListOptions, SpoolError};
use serde_json::json;
use store::{FoundRecipient, SuppressionReason};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::imported::ImportedNumbers;
use crate::suppressions::{LookupEntry, SuppressedNumber, is_seen, of_list, parse, sender_id};

/// The most campaigns in which a number is shown.
const MOST_FOUND: u32 = 200;
/// The name of a list that a person pasted.
const PASTED: &str = "the pasted list";

/// Everything about a number.
#[derive(Clone, Debug)]
pub struct FoundNumber {
    /// The number, masked.
    pub masked: String,
    /// Its entries of the suppression list.
    pub entries: Vec<LookupEntry>,
    /// Its recipients, the newest campaign first.
    pub recipients: Vec<FoundRecipient>,
}

impl Control {
    /// Everything about a number: its entries, and its recipients in the campaigns that the caller may see.
    pub async fn find_number(&self, caller: &Caller, number: &str) -> Result<FoundNumber, Error> {
        let attempt = Attempt::new(caller, Action::LookUpNumber, Object::Installation);
        self.act(attempt, async {
            let number = parse(number)?;
            let entries = self.store.suppressions_of(number).await?;
            let entries: Vec<LookupEntry> = entries
                .into_iter()
                .filter(|entry| is_seen(caller, entry.sender.as_deref()))
                .map(LookupEntry::of)
                .collect();
            let mut recipients = self.store.recipients_of(number, MOST_FOUND).await?;
            recipients.retain(|recipient| caller.may_use(&recipient.sender));
            let details = json!({ "entries": entries.len(), "recipients": recipients.len() });
            Ok((FoundNumber { masked: number.masked(), entries, recipients }, details))
        })
        .await
    }

    /// Adds the person of a recipient to the list of its sender, or to the list for every sender if the caller may use all.
    pub async fn suppress_recipient(
        &self,
        caller: &Caller,
        id: CampaignId,
        seq: Seq,
    ) -> Result<Done<SuppressedNumber>, Error> {
        // The campaign may be hidden from the caller.
        self.allow(caller, Action::ViewRecipients, &Object::Campaign(id)).await?;
        let sender = self.store.campaign(id).await?.definition.sender;
        let sender = caller.senders.is_some().then_some(sender);
        self.change(of_list(caller, Action::Suppress, sender.as_deref()), async |store| {
            let number = store.number_of(id, seq).await?;
            let number = number.ok_or_else(|| Error::conflict("the number of this recipient is erased"))?;
            let list = sender_id(&store, sender.as_deref()).await?;
            let is_new = store.suppress_number(number, list, SuppressionReason::Operator).await?;
            let details = json!({ "is_new": is_new, "campaign": id.0, "recipient": seq.0 });
            Ok((SuppressedNumber { sender: sender.clone(), is_new }, details))
        })
        .await
    }

    /// Adds numbers that a person pasted, one a line, to the list for every sender.
    pub async fn import_pasted_suppressions(
        &self,
        caller: &Caller,
        numbers: &str,
    ) -> Result<ImportedNumbers, Error> {
        let spool = self.spool();
        let text = format!("number\n{}\n", numbers.trim());
        let list = tokio::task::spawn_blocking(move || {
            let mut file = spool.file()?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.rewind())
                .map_err(|error| spool.unwritable(error))?;
            let options = ListOptions { spool, ..ListOptions::default() };
            Ok(List::of_file(file, PASTED.into(), &options)
                .map_err(|error| Error::of_list(PASTED.into(), error)))
        });
        let list = list.await.map_err(|error| Error::refused(Problem::Internal, error.to_string()))?;
        let list =
            list.map_err(|error: SpoolError| Error::refused(Problem::Unavailable, error.to_string()))??;
        self.import_suppressions(caller, list, ImportOptions::default(), None).await
    }
}
