//! Campaigns.

use campaign::{CampaignId, Definition};
use control::{
    Campaign, CampaignReport, Check, Draft, Ended, Error, ErrorReport, Paused, Resent, Resolve, Retry,
    StartRequested, Started, Waiting,
};

use crate::plane::{Database, Plane};

impl Plane {
    /// A campaign with its definition.
    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Campaign, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.campaign(caller, id).await,
            Self::Api(api) => api.campaign(id).await,
        }
    }

    /// Reports of campaigns, newest first: at most `limit`, only campaigns older than `before` if it is given.
    pub(crate) async fn campaigns(
        &self,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignReport>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.campaigns(caller, before, limit).await,
            Self::Api(api) => api.campaigns(before, limit).await,
        }
    }

    /// The report of a campaign.
    pub(crate) async fn report(&self, id: CampaignId) -> Result<CampaignReport, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.report(caller, id).await,
            Self::Api(api) => api.report(id).await,
        }
    }

    /// The errors of a campaign, most frequent first.
    pub(crate) async fn errors(&self, id: CampaignId) -> Result<Vec<ErrorReport>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.errors(caller, id).await,
            Self::Api(api) => api.errors(id).await,
        }
    }

    /// Why recipients of a campaign wait.
    pub(crate) async fn waiting_of(&self, id: CampaignId) -> Result<Vec<Waiting>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.waiting_of(caller, id).await,
            Self::Api(api) => api.waiting_of(id).await,
        }
    }

    /// Creates a draft.
    pub(crate) async fn create_campaign(&self, definition: &Definition) -> Result<Draft, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.create_campaign(caller, definition).await?.result)
            }
            Self::Api(api) => api.create_campaign(definition).await,
        }
    }

    /// Replaces the definition of a draft. `version` is the version that was read.
    pub(crate) async fn edit_campaign(
        &self,
        id: CampaignId,
        version: i32,
        definition: &Definition,
    ) -> Result<Draft, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.edit_campaign(caller, id, version, definition).await?.result)
            }
            Self::Api(api) => api.edit_campaign(id, version, definition).await,
        }
    }

    /// Creates a draft with the definition of another campaign.
    pub(crate) async fn clone_campaign(&self, id: CampaignId, name: Option<&str>) -> Result<Draft, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.clone_campaign(caller, id, name).await?.result)
            }
            Self::Api(api) => api.clone_campaign(id, name).await,
        }
    }

    /// Deletes a draft with its lists.
    pub(crate) async fn delete_campaign(&self, id: CampaignId) -> Result<(), Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                control.delete_campaign(caller, id).await.map(drop)
            }
            Self::Api(api) => api.delete_campaign(id).await,
        }
    }

    /// Checks whether a campaign can be started.
    pub(crate) async fn check_campaign(&self, id: CampaignId) -> Result<Check, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Box::pin(control.check_campaign(caller, id)).await
            }
            Self::Api(api) => api.check_campaign(id).await,
        }
    }

    /// Starts a draft.
    pub(crate) async fn start_campaign(&self, id: CampaignId) -> Result<Started, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(Box::pin(control.start_campaign(caller, id, None)).await?.result)
            }
            Self::Api(api) => api.start_campaign(id).await,
        }
    }

    /// Requests the start of a campaign that another person has to start.
    pub(crate) async fn request_start(&self, id: CampaignId) -> Result<StartRequested, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(Box::pin(control.request_start(caller, id, None)).await?.result)
            }
            Self::Api(api) => api.request_start(id).await,
        }
    }

    /// Pauses a running campaign.
    pub(crate) async fn pause_campaign(&self, id: CampaignId) -> Result<Paused, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.pause_campaign(caller, id).await?.result)
            }
            Self::Api(api) => api.pause_campaign(id).await,
        }
    }

    /// Resumes a paused campaign.
    pub(crate) async fn resume_campaign(&self, id: CampaignId) -> Result<Started, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.resume_campaign(caller, id).await?.result)
            }
            Self::Api(api) => api.resume_campaign(id).await,
        }
    }

    /// Ends a campaign for good.
    pub(crate) async fn end_campaign(&self, id: CampaignId) -> Result<Ended, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.end_campaign(caller, id).await?.result)
            }
            Self::Api(api) => api.end_campaign(id).await,
        }
    }

    /// Makes failed or undelivered recipients due again.
    pub(crate) async fn retry_recipients(&self, id: CampaignId, retry: &Retry) -> Result<Resent, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.retry_recipients(caller, id, retry).await,
            Self::Api(api) => api.retry_recipients(id, retry).await,
        }
    }

    /// Resolves unconfirmed recipients.
    pub(crate) async fn resolve_recipients(
        &self,
        id: CampaignId,
        resolve: &Resolve,
    ) -> Result<Resent, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                control.resolve_recipients(caller, id, resolve).await
            }
            Self::Api(api) => api.resolve_recipients(id, resolve).await,
        }
    }

    /// Deletes the rows of an ended campaign. `progress` gets the number of processed recipients and of all recipients.
    pub(crate) async fn archive_campaign(
        &self,
        id: CampaignId,
        progress: impl FnMut(i32, i32),
    ) -> Result<(), Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                control.archive_campaign(caller, id, progress).await
            }
            Self::Api(api) => api.archive_campaign(id, progress).await,
        }
    }
}
