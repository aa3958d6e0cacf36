//! The checks of a sender before it is added or corrected. Each refusal names the member, so that a form can show it at its field.

use campaign::{Provider, Rate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{NewSender, SenderRow};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::{MemberFault, object};
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

impl Control {
    /// Adds a sender. The API key is not tested: only consumers have it.
    pub async fn add_sender(&self, caller: &Caller, new: SenderToAdd) -> Result<Done<SenderView>, Error> {
        let attempt = Attempt::new(caller, Action::AddSender, Object::Sender(new.name.clone()))
            .with("provider", new.provider.as_str())
            .with("rate", new.rate.map(|rate| rate.to_string()))
            .with("daily_cap", new.daily_cap.as_ref().map(|cap| cap.recipients));
        self.change(attempt, async |store| {
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
    pub fn sender_faults(&self, new: &SenderToAdd) -> Vec<MemberFault> {
        self.checked_sender(new).err().unwrap_or_default()
    }

    /// Refuses what workers would refuse later; only the workers can check the key.
    fn checked_sender(&self, new: &SenderToAdd) -> Result<NewSender, Vec<MemberFault>> {
        let provider = new.provider.parse::<Provider>();
        let provider = provider.map_err(|error| vec![MemberFault::new("provider", error)])?;
        let mut faults = self.reach_faults(&Reach {
            provider,
            base_url: &new.base_url,
            account: new.account.as_deref(),
            number: &new.number,
            api_key_ref: &new.api_key_ref,
            plus_in_path: true,
            api_version: None,
        });
        // The console has a page of this address.
        if new.name == "new" {
            faults.push(MemberFault::new("name", "a sender cannot be named 'new'; choose another name"));
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

    /// Refuses a corrected sender that workers would refuse later.
    pub(crate) fn check_corrected(&self, sender: &SenderRow) -> Result<(), Error> {
        let faults = self.reach_faults(&Reach {
            provider: sender.provider,
            base_url: &sender.base_url,
            account: sender.account.as_deref(),
            number: &sender.number,
            api_key_ref: &sender.api_key_ref,
            plus_in_path: sender.plus_in_path,
            api_version: sender.api_version.as_deref(),
        });
        if faults.is_empty() { Ok(()) } else { Err(first(faults)) }
    }

    fn reach_faults(&self, reach: &Reach<'_>) -> Vec<MemberFault> {
        let mut faults = Vec::new();
        if !(reach.api_key_ref.starts_with("env:") || reach.api_key_ref.starts_with("file:")) {
            let text =
                "the reference of the API key is not env:NAME or file:PATH; keys themselves are not stored";
            faults.push(MemberFault::new("api_key_ref", text));
        }
        let base_url = match reach.base_url.parse() {
            Ok(base_url) => base_url,
            Err(error) => {
                let text =
                    format!("'{}' is not an address like https://api.in.kaleyra.io: {error}", reach.base_url);
                faults.push(MemberFault::new("base_url", text));
                return faults;
            }
        };
        let account = whatsapp::Account {
            provider: reach.provider,
            base_url,
            account: reach.account.map(str::to_owned),
            number: reach.number.to_owned(),
            api_key: "not-looked-at-here".into(),
            plus_in_path: reach.plus_in_path,
            api_version: reach.api_version.map(str::to_owned),
        };
        let channel = whatsapp::Client::new(&self.http)
            .and_then(|client| whatsapp::Channel::new(client, &account).map(drop));
        if let Err(error) = channel {
            faults.push(MemberFault::new(member(&error), error));
        }
        faults
    }
}

/// The refusal that a caller without a form gets.
fn first(faults: Vec<MemberFault>) -> Error {
    faults.into_iter().next().map_or_else(|| Error::invalid("the sender is wrong"), Error::from)
}

/// How workers would reach a provider.
struct Reach<'a> {
    provider: Provider,
    base_url: &'a str,
    account: Option<&'a str>,
    number: &'a str,
    api_key_ref: &'a str,
    plus_in_path: bool,
    api_version: Option<&'a str>,
}

/// The member that an error of an account is about.
fn member(error: &whatsapp::Error) -> &'static str {
    match error {
        whatsapp::Error::Account { field: "number", .. } => "number",
        whatsapp::Error::Account { field: "account", .. } => "account",
        _ => "base_url",
    }
}
