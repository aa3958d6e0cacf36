//! Senders: list, show, add, change.

use campaign::Rate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{SenderRow, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::access::right::Right;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::{given, object, present};
use crate::page::{Page, PageRequest};
use crate::sender_stops::StopView;
use crate::sender_webhook::WebhookSettings;
use crate::versions::{Versioned, check_version, version_of};

/// The maximum number of recipients per day. Only recipients that are sent to for the first time in their campaign count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DailyCap {
    /// Recipients per day, at least 1.
    #[schema(minimum = 1)]
    pub recipients: u32,
    /// The time zone whose midnight begins a day, such as `Africa/Nairobi`.
    pub zone: String,
}

/// A sender with its settings and its stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SenderView {
    /// The name in commands and campaign files.
    pub name: String,
    /// The provider: `kaleyra`, `lipachat`, `1msg` or `meta`.
    pub provider: String,
    /// The business phone number, digits only.
    pub number: String,
    /// Base URL of the provider's API.
    pub base_url: String,
    /// Account id at the provider.
    #[schema(required)]
    pub account: Option<String>,
    /// Where consumers find the API key: `env:NAME` or `file:PATH`. `null` for callers that may not change senders.
    #[schema(required)]
    pub api_key_ref: Option<String>,
    /// Version of the Graph API (Meta only), such as `v23.0`; `null`: the version that the program was built for.
    #[serde(default)]
    #[schema(required)]
    pub api_version: Option<String>,
    /// Whether the number in the path of a request has a `+` (Kaleyra only).
    #[serde(default)]
    #[schema(required)]
    pub plus_in_path: bool,
    /// The rate, such as `80/s,burst=10`; `null`: no limit.
    #[schema(value_type = Option<String>, required)]
    pub rate: Option<Rate>,
    /// The daily cap; `null`: no cap.
    #[schema(required)]
    pub daily_cap: Option<DailyCap>,
    /// Recipients that were sent to today; 0 without a daily cap.
    pub used_today: u32,
    /// Whether the sender may send. `false`: see `stops`.
    pub is_open: bool,
    /// The stops in force: of the sender first, then of its campaigns.
    pub stops: Vec<StopView>,
}

/// Changes of a sender. A member that is left out keeps its value; `null` removes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderChange {
    /// The rate; `null`: no limit. Consumers use it within a second.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rate: Option<Option<Rate>>,
    /// The daily cap; `null`: no cap.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DailyCap>)]
    pub daily_cap: Option<Option<DailyCap>>,
    /// Base URL of the provider's API: scheme and host. Consumers use this member and the next five within seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub base_url: Option<String>,
    /// Account id at the provider; `null`: none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub account: Option<Option<String>>,
    /// The business phone number with its country code, digits only.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<String>,
    /// Where consumers find the API key: `env:NAME` or `file:PATH`. A consumer whose environment lacks a new variable needs a restart.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub api_key_ref: Option<String>,
    /// Version of the Graph API (Meta only), such as `v23.0`; `null`: the version that the program was built for.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub api_version: Option<Option<String>>,
    /// Whether the number in the path of a request has a `+` (Kaleyra only).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plus_in_path: Option<bool>,
    /// Changes of the webhook. Servers use them within seconds.
    #[serde(default, deserialize_with = "object")]
    pub webhook: WebhookSettings,
    /// Whether to replace webhook address and verify token. The old address stops working.
    #[serde(default)]
    pub new_webhook_path: bool,
}

impl Versioned for SenderView {
    fn version(&self) -> String {
        let Self {
            name,
            provider,
            number,
            base_url,
            account,
            api_version,
            plus_in_path,
            rate,
            daily_cap,
            ..
        } = self;
        let address = json!([provider, number, base_url, account, api_version, plus_in_path]);
        version_of(&json!([name, address, rate, daily_cap]))
    }
}

impl SenderChange {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        let has_webhook = self.new_webhook_path || self.webhook != WebhookSettings::default();
        self.rate.is_none() && self.daily_cap.is_none() && !has_webhook && self.corrected().is_empty()
    }

    /// The names of the given settings by which the sender reaches its provider.
    fn corrected(&self) -> Vec<&'static str> {
        let given = [
            ("base_url", self.base_url.is_some()),
            ("account", self.account.is_some()),
            ("number", self.number.is_some()),
            ("api_key_ref", self.api_key_ref.is_some()),
            ("api_version", self.api_version.is_some()),
            ("plus_in_path", self.plus_in_path.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }

    /// The sender with the given settings by which it reaches its provider.
    fn correct(&self, sender: SenderRow) -> SenderRow {
        SenderRow {
            base_url: self.base_url.clone().unwrap_or(sender.base_url),
            account: self.account.clone().unwrap_or(sender.account),
            number: self.number.clone().unwrap_or(sender.number),
            api_key_ref: self.api_key_ref.clone().unwrap_or(sender.api_key_ref),
            api_version: self.api_version.clone().unwrap_or(sender.api_version),
            plus_in_path: self.plus_in_path.unwrap_or(sender.plus_in_path),
            ..sender
        }
    }
}

impl Control {
    /// The senders that the caller may see, by name.
    pub async fn senders(&self, caller: &Caller, page: &PageRequest) -> Result<Page<SenderView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let limit = page.limit()?;
            let holds = self.store.holds().await?;
            let is_after = |name: &str| page.after.as_deref().is_none_or(|after| name > after);
            let mut senders = self.store.senders().await?;
            senders.retain(|sender| caller.may_use(&sender.name) && is_after(&sender.name));
            senders.sort_by(|one, other| one.name.cmp(&other.name));
            senders.truncate(limit as usize + 1);
            let views = senders.iter().map(|sender| view(caller, sender, &holds)).collect();
            Ok((Page::of(views, limit, |sender| sender.name.clone()), Value::Null))
        })
        .await
    }

    /// A sender.
    pub async fn sender(&self, caller: &Caller, name: &str) -> Result<SenderView, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(name.into()));
        self.act(attempt, async { Ok((shown(&self.store, caller, name).await?, Value::Null)) }).await
    }

    /// Changes a sender: rate, daily cap, webhook, or how it reaches its provider.
    pub async fn change_sender(
        &self,
        caller: &Caller,
        name: &str,
        change: SenderChange,
    ) -> Result<Done<SenderView>, Error> {
        let mut attempt = Attempt::new(caller, Action::ChangeSender, Object::Sender(name.into()));
        if let Some(rate) = change.rate {
            attempt = attempt.with("rate", rate.map(|rate| rate.to_string()));
        }
        if let Some(cap) = &change.daily_cap {
            attempt = attempt.with("daily_cap", cap.as_ref().map(|cap| cap.recipients));
        }
        let corrected = change.corrected();
        if !corrected.is_empty() {
            attempt = attempt
                .with("changed", corrected.clone())
                .with("base_url", change.base_url.as_deref())
                .with("account", change.account.clone().flatten());
        }
        let webhook = change.webhook.change(change.new_webhook_path);
        if webhook.is_some() {
            attempt = attempt.with("webhook", change.webhook.changed(change.new_webhook_path));
        }
        self.change(attempt, async |store| {
            let present = async { Ok(Some(shown(&store, caller, name).await?)) };
            check_version(&store, caller, &Object::Sender(name.into()), present).await?;
            let sender = store.sender(name).await?;
            if change.is_empty() {
                return Err(Error::invalid(
                    "nothing to change; give rate, daily_cap, base_url, account, number, api_key_ref, api_version, plus_in_path, \
                     webhook or new_webhook_path",
                ));
            }
            if let Some(webhook) = &webhook {
                store.set_webhook(sender.id, webhook).await?;
            }
            if !corrected.is_empty() {
                let sender = change.correct(sender.clone());
                self.check_corrected(&sender)?;
                store.correct_sender(&sender).await?;
            }
            if let Some(rate) = change.rate {
                store.set_rate(sender.id, rate).await?;
            }
            if let Some(cap) = &change.daily_cap {
                store.set_daily_cap(sender.id, cap.as_ref().map(of_store).as_ref()).await?;
            }
            Ok((shown(&store, caller, name).await?, Value::Null))
        })
        .await
    }
}

pub(crate) fn of_store(cap: &DailyCap) -> store::DailyCap {
    store::DailyCap { recipients: cap.recipients, zone: cap.zone.clone() }
}

pub(crate) async fn shown(store: &Store, caller: &Caller, name: &str) -> Result<SenderView, Error> {
    Ok(view(caller, &store.sender(name).await?, &store.holds().await?))
}

pub(crate) fn view(caller: &Caller, sender: &SenderRow, holds: &[store::HoldRow]) -> SenderView {
    let sees_key = caller.rights.has(Right::ManageSenders);
    SenderView {
        name: sender.name.clone(),
        provider: sender.provider.word().to_owned(),
        number: sender.number.clone(),
        base_url: sender.base_url.clone(),
        account: sender.account.clone(),
        api_key_ref: sees_key.then(|| sender.api_key_ref.clone()),
        api_version: sender.api_version.clone(),
        plus_in_path: sender.plus_in_path,
        rate: sender.rate,
        daily_cap: sender
            .daily_cap
            .as_ref()
            .map(|cap| DailyCap { recipients: cap.recipients, zone: cap.zone.clone() }),
        used_today: sender.used_today,
        is_open: sender.is_open,
        stops: holds.iter().filter(|hold| hold.sender == sender.name).map(StopView::of).collect(),
    }
}
