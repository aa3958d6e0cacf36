//! Lists that come in pages.

use control::{Error, MAX_LIMIT, Page, PageRequest};
use serde::de::DeserializeOwned;

use crate::request::Request;
use crate::transport::Client;

impl Client {
    /// One page of a list.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        list: Request,
        page: &PageRequest,
    ) -> Result<Page<T>, Error> {
        self.read(list.query("after", page.after.as_ref()).query("limit", page.limit)).await
    }

    /// The first items of a list, at most `most`, from the page after `after`.
    pub(crate) async fn items<T: DeserializeOwned>(
        &self,
        list: impl Fn() -> Request,
        mut after: Option<String>,
        most: usize,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        while items.len() < most {
            let left = u32::try_from(most - items.len()).unwrap_or(MAX_LIMIT);
            let request = PageRequest { after, limit: Some(left.min(MAX_LIMIT)) };
            let page = self.page(list(), &request).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(items)
    }
}
