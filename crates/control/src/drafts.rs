//! Drafts: created, edited, cloned and deleted.

use campaign::{CampaignId, Definition};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Edited, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::template_check;
use crate::versions::{Versioned, check_version};

/// A draft that was created or edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// The version, to be named by the next edit.
    pub version: i32,
    /// Warnings about a valid definition.
    pub warnings: Vec<String>,
}

/// A campaign that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// The id of the campaign.
    pub campaign_id: i64,
}

impl Versioned for store::CampaignRow {
    fn version(&self) -> String {
        self.version.to_string()
    }
}

impl Control {
    /// Creates a draft.
    pub async fn create_campaign(
        &self,
        caller: &Caller,
        definition: &Definition,
    ) -> Result<Done<Draft>, Error> {
        let attempt = Attempt::new(caller, Action::CreateCampaign, Object::Sender(definition.sender.clone()))
            .with("name", definition.name.as_str());
        self.change(attempt, |store| async move {
            let draft = create(&store, caller, definition).await?;
            let details = json!({ "campaign_id": draft.campaign_id });
            Ok((draft, details))
        })
        .await
    }

    /// Replaces the definition of a draft. `version` is the version that the caller has read.
    pub async fn edit_campaign(
        &self,
        caller: &Caller,
        id: CampaignId,
        version: i32,
        definition: &Definition,
    ) -> Result<Done<Draft>, Error> {
        let attempt =
            Attempt::new(caller, Action::EditCampaign, Object::Campaign(id)).with("version", version);
        self.change(attempt, |store| async move {
            if !caller.may_use(&definition.sender) {
                return Err(store::Error::no_sender(&definition.sender).into());
            }
            check(&store, definition).await?;
            let version = match store.edit_draft(id, version, definition).await? {
                Edited::Version(version) => version,
                Edited::Outdated(now) => return Err(outdated(id, version, now)),
            };
            let draft = draft(&store, id, version, definition).await?;
            Ok((draft, json!({ "name": definition.name, "sender": definition.sender })))
        })
        .await
    }

    /// Creates a draft with the definition of another campaign, without its lists.
    pub async fn clone_campaign(
        &self,
        caller: &Caller,
        id: CampaignId,
        name: Option<&str>,
    ) -> Result<Done<Draft>, Error> {
        let attempt = Attempt::new(caller, Action::CloneCampaign, Object::Campaign(id));
        self.change(attempt, |store| async move {
            let mut definition = store.campaign(id).await?.definition;
            definition.name = name.map_or_else(|| format!("{} (copy)", definition.name), str::to_owned);
            let draft = create(&store, caller, &definition).await?;
            let details = json!({ "campaign_id": draft.campaign_id });
            Ok((draft, details))
        })
        .await
    }

    /// Deletes a draft with its lists.
    pub async fn delete_campaign(&self, caller: &Caller, id: CampaignId) -> Result<Done<Deleted>, Error> {
        let attempt = Attempt::new(caller, Action::DeleteCampaign, Object::Campaign(id));
        self.change(attempt, |store| async move {
            let present = async { Ok(Some(store.campaign(id).await?)) };
            check_version(&store, caller, &Object::Campaign(id), present).await?;
            let campaign = store.campaign(id).await?;
            store.delete_draft(id).await?;
            let details = json!({ "name": campaign.name, "recipients": campaign.recipients });
            Ok((Deleted { campaign_id: id.0 }, details))
        })
        .await
    }
}

async fn create(store: &Store, caller: &Caller, definition: &Definition) -> Result<Draft, Error> {
    check(store, definition).await?;
    let id = store.create_campaign(definition, Some(caller.name())).await?;
    draft(store, id, 1, definition).await
}

/// Refuses a definition that is wrong, or that the provider of its sender cannot send.
async fn check(store: &Store, definition: &Definition) -> Result<(), Error> {
    definition.check()?;
    let sender = store.sender(&definition.sender).await?;
    definition.check_for(sender.provider)?;
    template_check::refuse_difference(store, sender.id, definition).await
}

async fn draft(store: &Store, id: CampaignId, version: i32, definition: &Definition) -> Result<Draft, Error> {
    let mut warnings = definition.warnings(store.now().await?);
    let sender = store.sender(&definition.sender).await?.id;
    warnings.extend(template_check::unsendable(store, sender, definition).await?);
    Ok(Draft { campaign_id: id.0, version, warnings })
}

fn outdated(id: CampaignId, version: i32, now: i32) -> Error {
    let text = format!(
        "campaign {id} was edited since you read it: it has version {now}, your edit is based on version {version}; read it \
         again and repeat your edit"
    );
    Error::refused(Problem::VersionConflict, text)
}
