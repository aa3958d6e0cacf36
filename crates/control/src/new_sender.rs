//! The checks of a sender before it is added. Each refusal names the member, so that a form can show it at its field.

use campaign::{Provider, Rate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::NewSender;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::object;
use crate::sender_webhook::WebhookSettings;
use crate::senders::{DailyCap, SenderView, of_store, shown};

/// A sender to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderToAdd {
    /// The name in commands and campaign files: a-z, 0-9, `-` and `_`.
    pub name: String,
    /// The provider: `kaleyra`, `lipachat`, `1msg` or `meta`.
    pub provider: String,
    /// Base URL of the provider's API: scheme and host.
    pub base_url: String,
    /// Account id at the provider.
    #[serde(default)]
    pub account: Option<String>,
    /// The business phone number with its country code, digits only.
    pub number: String,
    /// Where consumers find the API key: `env:NAME` or `file:PATH`.
    pub api_key_ref: String,
    /// The rate, such as `20/s`, `80/s,burst=10` or `50000/5m`; `null`: no limit.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub rate: Option<Rate>,
    /// The daily cap; `null`: no cap.
    #[serde(default)]
    pub daily_cap: Option<DailyCap>,
    /// How posts of the provider are authenticated, and opt-out words.
    #[serde(default, deserialize_with = "object")]
    pub webhook: WebhookSettings,
}

/// What is wrong with one member of a sender to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderFault {
    /// The member of [`SenderToAdd`].
    pub member: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

impl SenderFault {
    fn new(member: &'static str, text: impl std::fmt::Display) -> Self {
        Self { member, text: text.to_string() }
    }
}

impl Control {
    /// Adds a sender. The API key is not tested: only consumers have it.
    pub async fn add_sender(&self, caller: &Caller, new: SenderToAdd) -> Result<Done<SenderView>, Error> {
        let attempt = Attempt::new(caller, Action::AddSender, Object::Sender(new.name.clone()))
            .with("provider", new.provider.as_str())
            .with("rate", new.rate.map(|rate| rate.to_string()))
            .with("daily_cap", new.daily_cap.as_ref().map(|cap| cap.recipients));
        self.change(attempt, async |store| {
            let first = |faults: Vec<SenderFault>| {
                Error::invalid(faults.first().map_or("the sender is wrong", |fault| &fault.text))
            };
            let sender = self.checked_sender(&new).map_err(first)?;
            let id = store.add_sender(&sender).await?;
            if let Some(change) = new.webhook.change(false) {
                store.set_webhook(id, &change).await?;
            }
            Ok((shown(&store, caller, &new.name).await?, Value::Null))
        })
        .await
    }

    /// What would be refused about a sender without looking at the database. The API key is not tested: only consumers have it.
    pub fn sender_faults(&self, new: &SenderToAdd) -> Vec<SenderFault> {
        self.checked_sender(new).err().unwrap_or_default()
    }

    /// Refuses an address that workers would refuse later; only the workers can check the key.
    pub(crate) fn checked_sender(&self, new: &SenderToAdd) -> Result<NewSender, Vec<SenderFault>> {
        let mut faults = Vec::new();
        let mut keep = |fault: SenderFault| faults.push(fault);
        let provider = new.provider.parse::<Provider>();
        let provider = provider.map_err(|error| keep(SenderFault::new("provider", error))).ok();
        let base_url = new.base_url.parse().map_err(|error| {
            let text =
                format!("'{}' is not an address like https://api.in.kaleyra.io: {error}", new.base_url);
            keep(SenderFault::new("base_url", text));
        });
        if !(new.api_key_ref.starts_with("env:") || new.api_key_ref.starts_with("file:")) {
            let text =
                "the reference of the API key is not env:NAME or file:PATH; keys themselves are not stored";
            keep(SenderFault::new("api_key_ref", text));
        }
        // The console has a page of this address.
        if new.name == "new" {
            keep(SenderFault::new("name", "a sender cannot be named 'new'; choose another name"));
        }
        let (Some(provider), Ok(base_url)) = (provider, base_url) else { return Err(faults) };
        let account = whatsapp::Account {
            provider,
            base_url,
            account: new.account.clone(),
            number: new.number.clone(),
            api_key: "not-looked-at-here".into(),
            plus_in_path: true,
        };
        let client =
            whatsapp::Client::new(&self.http).map_err(|error| vec![SenderFault::new("provider", error)])?;
        if let Err(error) = whatsapp::Channel::new(client, &account) {
            keep(SenderFault::new(member(&error), error));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(NewSender {
            name: new.name.clone(),
            provider,
            base_url: new.base_url.clone(),
            account: new.account.clone(),
            number: new.number.clone(),
            api_key_ref: new.api_key_ref.clone(),
            rate: new.rate,
            daily_cap: new.daily_cap.as_ref().map(of_store),
        })
    }
}

/// The member that an error of an account is about.
fn member(error: &whatsapp::Error) -> &'static str {
    match error {
        whatsapp::Error::Account { field: "number", .. } => "number",
        whatsapp::Error::Account { field: "account", .. } => "account",
        _ => "base_url",
    }
}
