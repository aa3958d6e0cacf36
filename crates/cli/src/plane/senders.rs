//! Senders, their stops and their prices.

use campaign::PriceList;
use control::{
    Error, HeldSender, Page, PageRequest, PricesView, ProbedSender, ResumedSender, SenderChange, SenderToAdd,
    SenderView, WebhookView,
};

use crate::plane::{Database, Plane};

impl Plane {
    /// Senders, by name.
    pub(crate) async fn senders(&self, page: &PageRequest) -> Result<Page<SenderView>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.senders(caller, page).await,
            Self::Api(api) => api.senders(page).await,
        }
    }

    /// A sender.
    pub(crate) async fn sender(&self, name: &str) -> Result<SenderView, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.sender(caller, name).await,
            Self::Api(api) => api.sender(name).await,
        }
    }

    /// The webhook of a sender.
    pub(crate) async fn sender_webhook(&self, name: &str) -> Result<WebhookView, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.sender_webhook(caller, name).await,
            Self::Api(api) => api.sender_webhook(name).await,
        }
    }

    /// Adds a sender.
    pub(crate) async fn add_sender(&self, new: SenderToAdd) -> Result<SenderView, Error> {
        match self {
            Self::Database(Database { control, caller }) => Ok(control.add_sender(caller, new).await?.result),
            Self::Api(api) => api.add_sender(&new).await,
        }
    }

    /// Changes a sender.
    pub(crate) async fn change_sender(&self, name: &str, change: SenderChange) -> Result<SenderView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.change_sender(caller, name, change).await?.result)
            }
            Self::Api(api) => api.change_sender(name, &change).await,
        }
    }

    /// Stops a sender until it is resumed.
    pub(crate) async fn hold_sender(&self, name: &str) -> Result<HeldSender, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.hold_sender(caller, name).await?.result)
            }
            Self::Api(api) => api.hold_sender(name).await,
        }
    }

    /// Resumes a stopped sender.
    pub(crate) async fn resume_sender(&self, name: &str) -> Result<ResumedSender, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.resume_sender(caller, name).await?.result)
            }
            Self::Api(api) => api.resume_sender(name).await,
        }
    }

    /// Probes a stopped sender.
    pub(crate) async fn probe_sender(&self, name: &str) -> Result<ProbedSender, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.probe_sender(caller, name).await?.result)
            }
            Self::Api(api) => api.probe_sender(name).await,
        }
    }

    /// The price list of a sender; `None`: it has none.
    pub(crate) async fn prices(&self, name: &str) -> Result<Option<PricesView>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.prices(caller, name).await,
            Self::Api(api) => api.prices(name).await,
        }
    }

    /// Replaces the price list of a sender.
    pub(crate) async fn set_prices(&self, name: &str, list: &PriceList) -> Result<PricesView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.set_prices(caller, name, list).await?.result)
            }
            Self::Api(api) => api.set_prices(name, list).await,
        }
    }
}
