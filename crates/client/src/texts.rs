//! Known flows and templates of senders.

use control::{Error, FlowDetails, FlowView, NewFlow, NewTemplate, Page, PageRequest, TemplateView};

use crate::request::Request;
use crate::transport::Client;

impl Client {
    /// The known flows of a sender, by id.
    pub async fn flows(&self, sender: &str, page: &PageRequest) -> Result<Page<FlowView>, Error> {
        self.page(Request::get(["senders", sender, "flows"]), page).await
    }

    /// A known flow.
    pub async fn flow(&self, sender: &str, flow_id: &str) -> Result<FlowDetails, Error> {
        self.read(Request::get(["senders", sender, "flows", flow_id])).await
    }

    /// Adds or replaces a flow.
    pub async fn set_flow(&self, sender: &str, flow_id: &str, new: &NewFlow) -> Result<FlowView, Error> {
        self.read(Request::put(["senders", sender, "flows", flow_id]).json(new)?).await
    }

    /// Removes a flow.
    pub async fn remove_flow(&self, sender: &str, flow_id: &str) -> Result<FlowView, Error> {
        self.read(Request::delete(["senders", sender, "flows", flow_id])).await
    }

    /// The known templates of a sender, by name and language.
    pub async fn templates(&self, sender: &str, page: &PageRequest) -> Result<Page<TemplateView>, Error> {
        self.page(Request::get(["senders", sender, "templates"]), page).await
    }

    /// A known template: of a sender, by name and language.
    pub async fn template(
        &self,
        sender: &str,
        (name, language): (&str, &str),
    ) -> Result<TemplateView, Error> {
        self.read(Request::get(["senders", sender, "templates", name, language])).await
    }

    /// Adds or replaces the text of a template.
    pub async fn set_template(
        &self,
        sender: &str,
        (name, language): (&str, &str),
        new: &NewTemplate,
    ) -> Result<TemplateView, Error> {
        self.read(Request::put(["senders", sender, "templates", name, language]).json(new)?).await
    }

    /// Removes the text of a template.
    pub async fn remove_template(
        &self,
        sender: &str,
        (name, language): (&str, &str),
    ) -> Result<TemplateView, Error> {
        self.read(Request::delete(["senders", sender, "templates", name, language])).await
    }
}
