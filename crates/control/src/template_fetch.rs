//! Reads the approved templates of a sender from its provider.

use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Store;
use whatsapp::{ApprovedButton, ApprovedTemplate};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::templates::{NewTemplate, TemplateButton, TemplateCategory, TemplateStatus, checked};

/// The result of reading the templates of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedTemplates {
    /// Name of the sender.
    pub sender: String,
    /// The number of templates that were stored.
    pub stored: usize,
    /// Templates that were not stored, each with the reason.
    pub left_out: Vec<String>,
}

impl Control {
    /// Reads the approved templates of a sender from its provider, and stores them; templates that are not in the list stay.
    /// `business_account` is the id of Meta's WhatsApp Business account.
    pub async fn fetch_templates(
        &self,
        caller: &Caller,
        sender: &str,
        business_account: Option<&str>,
    ) -> Result<FetchedTemplates, Error> {
        self.allow(caller, Action::SetTemplate, &Object::Sender(sender.into())).await?;
        let row = self.store.sender(sender).await?;
        let channel = self.channel(&row, (self.keys)(&row.api_key_ref))?;
        let list = channel.templates(business_account).await;
        let list = list.map_err(|error| Error::conflict(format!("{}: {error}", row.name)))?;
        let attempt = Attempt::new(caller, Action::SetTemplate, Object::Sender(sender.into()));
        let done = self
            .change(attempt, |store: Store| async move {
                let mut fetched =
                    FetchedTemplates { sender: row.name.clone(), ..FetchedTemplates::default() };
                for one in list {
                    let named = format!("{} ({})", one.name, one.language);
                    match new_template(one) {
                        Ok((name, language, new)) => match checked(&name, &language, &new) {
                            Ok(texts) => {
                                store.set_template(row.id, &texts, caller.name()).await?;
                                fetched.stored += 1;
                            }
                            Err(fault) => fetched.left_out.push(format!("{named}: {}", fault.text)),
                        },
                        Err(reason) => fetched.left_out.push(format!("{named}: {reason}")),
                    }
                }
                let details = json!({ "fetched": fetched.stored });
                Ok((fetched, details))
            })
            .await?;
        Ok(done.result)
    }
}

/// Name, language and text of a listed template.
fn new_template(one: ApprovedTemplate) -> Result<(String, String, NewTemplate), &'static str> {
    let Some(body) = one.body else { return Err("the list does not contain the text of its body") };
    let button = |ApprovedButton { text, kind, url, flow_id }| TemplateButton { text, kind, url, flow_id };
    let new = NewTemplate {
        header_format: one.header_format,
        header: one.header,
        body,
        footer: one.footer,
        buttons: one.buttons.into_iter().map(button).collect(),
        category: one.category.as_deref().and_then(category),
        status: one.status.as_deref().and_then(status),
    };
    Ok((one.name, one.language, new))
}

fn category(word: &str) -> Option<TemplateCategory> {
    serde_json::from_value(word.into()).ok()
}

/// The status in Flowcast's words. Meta has more words for templates that are not sent.
fn status(word: &str) -> Option<TemplateStatus> {
    match word {
        "archived" | "deleted" | "pending_deletion" | "limit_exceeded" => Some(TemplateStatus::Disabled),
        "in_appeal" => Some(TemplateStatus::Rejected),
        word => serde_json::from_value(word.into()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_provider_become_words_of_flowcast() {
        assert_eq!(status("approved"), Some(TemplateStatus::Approved));
        assert_eq!(status("archived"), Some(TemplateStatus::Disabled));
        assert_eq!(status("new word"), None);
        assert_eq!(category("marketing"), Some(TemplateCategory::Marketing));
        let nothing =
            ApprovedTemplate { name: "code".into(), language: "en".into(), ..ApprovedTemplate::default() };
        assert!(new_template(nothing).is_err());
    }
}
