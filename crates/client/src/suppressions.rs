//! The suppression list.

use control::{CountedSuppressions, Error, NewestSuppressions, SuppressedNumber, SuppressionView};
use serde_json::json;

use crate::request::Request;
use crate::transport::Client;

impl Client {
    /// Adds a number to the list of a sender, or to the list for every sender.
    pub async fn suppress(&self, number: &str, sender: Option<&str>) -> Result<SuppressedNumber, Error> {
        let body = json!({ "number": number, "sender": sender });
        self.read(Request::post(["suppressions"]).json(&body)?).await
    }

    /// Removes a number from the list of a sender, or from the list for every sender.
    pub async fn unsuppress(&self, number: &str, sender: Option<&str>) -> Result<(), Error> {
        let body = json!({ "number": number, "sender": sender });
        self.execute(Request::post(["suppressions", "remove"]).json(&body)?).await
    }

    /// The newest entries of the list, at most `most`, and the length of the list.
    pub async fn newest_suppressions(&self, most: u32) -> Result<NewestSuppressions, Error> {
        let items: Vec<SuppressionView> =
            self.items(|| Request::get(["suppressions"]), None, most as usize).await?;
        let CountedSuppressions { total } = self.read(Request::get(["suppressions", "count"])).await?;
        Ok(NewestSuppressions { items, total })
    }
}
