//! Recipients are downloaded as a list.

use bytes::Bytes;
use campaign::CampaignId;
use control::{Error, Export, ExportFormat, Problem};
use reqwest::Response;

use crate::network;
use crate::problem::Failed;
use crate::request::Request;
use crate::transport::Client;

/// The header with a warning about the list.
const WARNING: &str = "flowcast-warning";

/// A list that is downloaded.
pub struct Download {
    response: Response,
    client: Client,
}

impl Client {
    /// Begins to download recipients of a campaign as a list that can be imported again.
    pub async fn export(&self, id: CampaignId, export: Export) -> Result<Download, Error> {
        let format = match export.format {
            ExportFormat::Csv => "csv",
            ExportFormat::Xlsx => "xlsx",
        };
        let request = Request::get(["campaigns", &id.to_string(), "export"])
            .query("who", Some(export.who.word()))
            .query("format", Some(format));
        Ok(Download::of(self.open(request).await?, self))
    }
}

impl Download {
    pub(crate) fn of(response: Response, client: &Client) -> Self {
        Self { response, client: client.clone() }
    }

    /// A warning about the list.
    pub fn warning(&self) -> Option<String> {
        let value = self.response.headers().get(WARNING)?;
        value.to_str().ok().map(str::to_owned)
    }

    /// The next part of the list; `None`: the list is complete.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.response.chunk().await.map_err(|error| {
            let error = match network::failure(self.client.address(), &error) {
                Failed::Refused(error) | Failed::Busy(_, error) | Failed::Lost { error, .. } => error,
            };
            Error::refused(Problem::Unavailable, format!("{error}; the list is incomplete"))
        })
    }
}
