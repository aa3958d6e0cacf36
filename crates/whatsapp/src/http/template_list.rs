//! Reads the list of approved templates of an account, where the provider documents one (Meta, 1msg).
//!
//! Reading costs nothing and changes nothing at the provider, so unlike sending it may be repeated by the caller.

use campaign::Verdict;
use reqwest::{Method, Request, Response};
use serde_json::Value;

use crate::classification::answer::{self, HttpAnswer};
use crate::error::TemplateListError;
use crate::http::channel::Channel;
use crate::http::request_error::classify_request_error;
use crate::providers::adapter_of;
use crate::providers::approved_template::{ApprovedTemplate, read_page};

/// The longest page of a list, in bytes.
const LONGEST_PAGE: usize = 8 << 20;
/// The most pages that are read.
const MOST_PAGES: usize = 200;

impl Channel {
    /// The approved templates of the account. `business_account` is the id of Meta's WhatsApp Business account.
    pub async fn templates(
        &self,
        business_account: Option<&str>,
    ) -> Result<Vec<ApprovedTemplate>, TemplateListError> {
        let (mut templates, mut after) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let body = self.template_page(business_account, after.as_deref()).await?;
            let (page, next) = read_page(&body).ok_or(TemplateListError::NotAList)?;
            templates.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(templates)
    }

    async fn template_page(
        &self,
        business_account: Option<&str>,
        after: Option<&str>,
    ) -> Result<Value, TemplateListError> {
        let url = adapter_of(self.provider)
            .templates_url(&self.route, business_account, after)
            .ok_or(TemplateListError::NotOffered(self.provider))??;
        let mut request = Request::new(Method::GET, url);
        *request.headers_mut() = self.route.headers.clone();
        let response = self.client.http.execute(request).await;
        let response = response.map_err(|error| refused(&classify_request_error(&error)))?;
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let body = read(response).await?;
        if !(200..300).contains(&status) {
            let answer = HttpAnswer { status, retry_after, body: &body };
            return Err(refused(&adapter_of(self.provider).classify(&answer)));
        }
        serde_json::from_slice(&body).map_err(|_| TemplateListError::NotAList)
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, TemplateListError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LONGEST_PAGE => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(TemplateListError::NotAList),
            Ok(None) => return Ok(body),
            Err(error) => return Err(refused(&classify_request_error(&error))),
        }
    }
}

fn refused(verdict: &Verdict) -> TemplateListError {
    let (code, text) = match verdict {
        Verdict::Accepted { .. } => return TemplateListError::NotAList,
        Verdict::Throttled { refusal, .. }
        | Verdict::Retry { refusal, .. }
        | Verdict::Unknown { refusal }
        | Verdict::Rejected { refusal }
        | Verdict::WindowClosed { refusal }
        | Verdict::StopCampaign { refusal, .. }
        | Verdict::StopSender { refusal, .. } => (refusal.code.to_string(), refusal.text.to_string()),
    };
    TemplateListError::Refused { code, text }
}
