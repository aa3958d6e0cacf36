//! Drafts: edited and deleted until they are started.

use campaign::{CampaignId, CampaignState, Definition};
use tokio_postgres::types::Json;

use crate::campaigns::campaign::set_campaign_rate;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::{TABLES, Volume};

/// Tables with rows of a draft that no foreign key deletes.
const OTHERS: [&str; 5] = ["counter", "counter_delta", "counter_by_minute", "counter_by_country", "job"];

/// The result of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// The draft has the new definition, and this version.
    Version(i32),
    /// The draft was edited since: it has this version. Nothing was changed.
    Outdated(i32),
}

impl Store {
    /// Replaces the definition of a draft that has this version. The sender cannot be changed when lists are imported, because
    /// recipients were left out by its suppression list.
    pub async fn edit_draft(
        &self,
        id: CampaignId,
        version: i32,
        definition: &Definition,
    ) -> Result<Edited, Error> {
        let lock = "select state, version, sender_id, recipients from campaign where id = $1 for update";
        let update = "
            update campaign
            set name = $2, sender_id = $3, definition = $4, unknown_rule = $5, unknown_after = $6 * interval '1 second',
                version = version + 1, updated_at = now()
            where id = $1 returning version";
        let sender = self.sender(&definition.sender).await?.id;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let row = tx.query_opt(lock, &[&id.0]).await?.ok_or_else(|| Error::no_campaign(id))?;
        let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
        if state != CampaignState::Draft {
            return Err(Error::Conflict(format!("campaign {id} is {state}; only a draft can be edited")));
        }
        if row.get::<_, i32>(1) != version {
            return Ok(Edited::Outdated(row.get(1)));
        }
        if row.get::<_, i64>(2) != sender.0 && row.get::<_, i32>(3) > 0 {
            return Err(Error::Conflict(format!(
                "campaign {id} has recipients already, whose suppression was checked for its sender; to use sender '{}', \
                 clone the campaign and import the lists again",
                definition.sender
            )));
        }
        let (rule, after) = (definition.policy.unknown.word(), definition.policy.unknown_after.as_secs_f64());
        let row = tx
            .query_one(update, &[&id.0, &definition.name, &sender.0, &Json(definition), &rule, &after])
            .await?;
        set_campaign_rate(&tx, id, definition.policy.rate).await?;
        tx.commit().await?;
        Ok(Edited::Version(row.get(0)))
    }

    /// Locks the row of a campaign until the transaction of a change ends: no list is imported and no draft edited meanwhile.
    pub async fn lock_campaign(&self, id: CampaignId) -> Result<(), Error> {
        let lock = "select from campaign where id = $1 for update";
        let row = self.client().await?.query_opt(lock, &[&id.0]).await?;
        row.map(drop).ok_or_else(|| Error::no_campaign(id))
    }

    /// Deletes a draft with its lists.
    pub async fn delete_draft(&self, id: CampaignId) -> Result<(), Error> {
        let lock = "select state from campaign where id = $1 for update";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let row = tx.query_opt(lock, &[&id.0]).await?.ok_or_else(|| Error::no_campaign(id))?;
        let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
        if state != CampaignState::Draft {
            return Err(Error::Conflict(format!(
                "campaign {id} is {state}; only a draft can be deleted; an ended campaign can be archived"
            )));
        }
        // A list of millions takes longer than a statement of the pool may.
        tx.remove_limits().await?;
        let volume = Volume::of(id);
        for table in TABLES {
            let name = volume.table(table);
            let delete = if table == "recipient_number" {
                let recipient = volume.table("recipient");
                format!(
                    "delete from {name} n using {recipient} r
                     where r.campaign_id = $1 and n.msisdn = r.msisdn and n.campaign_id = $1"
                )
            } else {
                format!("delete from {name} where campaign_id = $1")
            };
            tx.execute(&delete, &[&id.0]).await?;
        }
        for table in OTHERS {
            tx.execute(&format!("delete from {table} where campaign_id = $1"), &[&id.0]).await?;
        }
        tx.execute("delete from campaign where id = $1", &[&id.0]).await?;
        tx.commit().await?;
        Ok(())
    }
}
