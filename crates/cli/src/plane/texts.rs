//! Known flows and templates of senders.

use control::{Error, FlowDetails, FlowView, NewFlow, NewTemplate, Page, PageRequest, TemplateView};

use crate::plane::{Database, Plane};

impl Plane {
    /// The known flows of a sender.
    pub(crate) async fn flows(&self, sender: &str, page: &PageRequest) -> Result<Page<FlowView>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.flows(caller, sender, page).await,
            Self::Api(api) => api.flows(sender, page).await,
        }
    }

    /// A known flow.
    pub(crate) async fn flow(&self, sender: &str, flow_id: &str) -> Result<FlowDetails, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.flow(caller, sender, flow_id).await,
            Self::Api(api) => api.flow(sender, flow_id).await,
        }
    }

    /// Adds or replaces a flow.
    pub(crate) async fn set_flow(&self, sender: &str, id: &str, new: &NewFlow) -> Result<FlowView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.set_flow(caller, sender, id, new).await?.result)
            }
            Self::Api(api) => api.set_flow(sender, id, new).await,
        }
    }

    /// Removes a flow.
    pub(crate) async fn remove_flow(&self, sender: &str, flow_id: &str) -> Result<FlowView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.remove_flow(caller, sender, flow_id).await?.result)
            }
            Self::Api(api) => api.remove_flow(sender, flow_id).await,
        }
    }

    /// The known templates of a sender.
    pub(crate) async fn templates(
        &self,
        sender: &str,
        page: &PageRequest,
    ) -> Result<Page<TemplateView>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.templates(caller, sender, page).await,
            Self::Api(api) => api.templates(sender, page).await,
        }
    }

    /// A known template.
    pub(crate) async fn template(&self, sender: &str, named: (&str, &str)) -> Result<TemplateView, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.template(caller, sender, named).await,
            Self::Api(api) => api.template(sender, named).await,
        }
    }

    /// Adds or replaces the text of a template.
    pub(crate) async fn set_template(
        &self,
        sender: &str,
        named: (&str, &str),
        new: &NewTemplate,
    ) -> Result<TemplateView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.set_template(caller, sender, named, new).await?.result)
            }
            Self::Api(api) => api.set_template(sender, named, new).await,
        }
    }

    /// Removes the text of a template.
    pub(crate) async fn remove_template(
        &self,
        sender: &str,
        named: (&str, &str),
    ) -> Result<TemplateView, Error> {
        match self {
            Self::Database(Database { control, caller }) => {
                Ok(control.remove_template(caller, sender, named).await?.result)
            }
            Self::Api(api) => api.remove_template(sender, named).await,
        }
    }
}
