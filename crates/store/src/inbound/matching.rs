//! Finds the recipients that references and provider ids in a batch lead to.

use std::collections::{BTreeMap, BTreeSet};

use campaign::{CampaignId, SenderId, Seq};

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::batch::Ingest;
use crate::inbound::closed::Closed;
use crate::inbound::rows::MessageKey;

/// The recipients that the ids and references of a batch lead to.
pub(crate) struct Found {
    /// The senders of campaigns.
    pub(crate) owned: BTreeSet<(SenderId, CampaignId)>,
    /// Campaigns for which no receipts and answers are stored any more.
    pub(crate) closed: BTreeMap<CampaignId, Closed>,
    /// The recipient of a message id of the provider.
    pub(crate) by_id: BTreeMap<(SenderId, String), (CampaignId, Seq)>,
}

impl Found {
    /// The recipient, if it belongs to the sender whose webhook got the event.
    pub(crate) fn recipient(&self, about: &MessageKey) -> Option<(CampaignId, Seq)> {
        let by_reference =
            about.recipient.filter(|(campaign, _)| self.owned.contains(&(about.sender, *campaign)));
        by_reference.or_else(|| self.replied_to(about))
    }

    /// The recipient of the message with this id of the provider.
    pub(crate) fn replied_to(&self, about: &MessageKey) -> Option<(CampaignId, Seq)> {
        let id = about.message_id.clone()?;
        self.by_id.get(&(about.sender, id)).copied()
    }
}

/// Looks up the senders of referenced campaigns, and the recipients of message ids.
pub(crate) async fn look_up(tx: &Transaction<'_>, batch: &Ingest) -> Result<Found, Error> {
    let receipts: Vec<&MessageKey> = batch.receipts.iter().map(|receipt| &receipt.about).collect();
    let answers = batch.answers.iter().map(|answer| &answer.about);
    let replies: Vec<&MessageKey> = answers.chain(batch.people().map(|who| &who.about)).collect();
    find(tx, &receipts, &replies).await
}

/// Looks up message ids of receipts without a reference, and of every reply: the message that is replied to identifies the
/// person.
async fn find(
    tx: &Transaction<'_>,
    receipts: &[&MessageKey],
    replies: &[&MessageKey],
) -> Result<Found, Error> {
    let about = || receipts.iter().chain(replies);
    let select_owned = "
        select sender_id, id, archived_at is not null as is_archived, erased_at is not null as is_erased
        from campaign where id = any($1)";
    let select_ids = "
        select m.sender_id, m.provider_message_id, m.campaign_id, m.seq
        from unnest($1::bigint[], $2::text[]) as a (sender_id, id)
        join sent_message m on m.sender_id = a.sender_id and m.message_hash = message_hash(a.id)
            and m.provider_message_id = a.id";
    let mut found = Found { owned: BTreeSet::new(), closed: BTreeMap::new(), by_id: BTreeMap::new() };
    let ids: BTreeSet<(i64, &str)> = receipts
        .iter()
        .filter(|about| about.recipient.is_none())
        .chain(replies)
        .filter_map(|about| Some((about.sender.0, about.message_id.as_deref()?)))
        .collect();
    if !ids.is_empty() {
        let (senders, ids): (Vec<i64>, Vec<&str>) = ids.into_iter().unzip();
        for row in tx.query(&tx.prepare_cached(select_ids).await?, &[&senders, &ids]).await? {
            let recipient = (CampaignId(row.get(2)), Seq(row.get(3)));
            found.by_id.insert((SenderId(row.get(0)), row.get(1)), recipient);
        }
    }
    let by_reference = about().filter_map(|about| about.recipient.map(|(campaign, _)| campaign.0));
    let by_id = found.by_id.values().map(|(campaign, _)| campaign.0);
    let campaigns: BTreeSet<i64> = by_reference.chain(by_id).collect();
    if !campaigns.is_empty() {
        let campaigns: Vec<i64> = campaigns.into_iter().collect();
        for row in tx.query(&tx.prepare_cached(select_owned).await?, &[&campaigns]).await? {
            let campaign = CampaignId(row.get(1));
            found.owned.insert((SenderId(row.get(0)), campaign));
            if row.get("is_archived") {
                found.closed.insert(campaign, Closed::Archived);
            } else if row.get("is_erased") {
                found.closed.insert(campaign, Closed::Erased);
            }
        }
    }
    Ok(found)
}
