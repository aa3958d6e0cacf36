//! The control plane as the commands use it.

use std::sync::Arc;

use campaign::CampaignId;
use control::{Caller, Control, Setup};
use store::Store;

use crate::settings::Settings;
use crate::{actor, keys};

/// The control plane of the installation in `DATABASE_URL`, and the caller of this command.
pub(crate) struct Plane {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
}

impl Plane {
    /// Connects to PostgreSQL.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let store = Store::connect(&settings.postgres()?).await?;
        Ok(Self::new(store, settings.lists()?, settings.http()?))
    }

    /// The control plane of an installation, with the actor of this command.
    pub(crate) fn new(store: Store, lists: producer::ListsConfig, http: whatsapp::Config) -> Self {
        let setup = Setup { store, lists, http, keys: Arc::new(keys::resolve) };
        Self { control: Control::new(setup), caller: actor::caller() }
    }

    /// The report of a campaign.
    pub(crate) async fn report(&self, id: CampaignId) -> Result<store::CampaignReport, control::Error> {
        self.control.report(&self.caller, id).await
    }
}
