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
use crate::members::{given, object};
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
    /// Changes of the webhook. Servers use them within seconds.
    #[serde(default, deserialize_with = "object")]
    pub webhook: WebhookSettings,
    /// Whether to replace webhook address and verify token. The old address stops working.
    #[serde(default)]
    pub new_webhook_path: bool,
}

impl Versioned for SenderView {
    fn version(&self) -> String {
        let Self { name, provider, number, base_url, account, rate, daily_cap, .. } = self;
        version_of(&json!([name, provider, number, base_url, account, rate, daily_cap]))
    }
}

impl SenderChange {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        let has_webhook = self.new_webhook_path || self.webhook != WebhookSettings::default();
        self.rate.is_none() && self.daily_cap.is_none() && !has_webhook
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

    /// Changes rate, daily cap or webhook of a sender.
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
                    "nothing to change; give rate, daily_cap, webhook or new_webhook_path",
                ));
            }
            if let Some(webhook) = &webhook {
                store.set_webhook(sender.id, webhook).await?;
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
