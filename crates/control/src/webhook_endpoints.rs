//! Webhook endpoints: addresses of the customer that receive events.
//!
//! **Invariants.**
//! - A secret is shown when the endpoint is added and when it is renewed, and never again. It is derived, and is neither in the
//!   database nor in the audit nor in the result that is stored for a repeated request.
//! - The audit contains the host of an address and not its path, which may be secret.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use notifier::{KINDS, WebhookKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{EndpointChange, EndpointRow, Store};
use url::Url;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::given;
use crate::versions::{Versioned, check_version, version_of};
use crate::webhooks::Webhooks;

/// A webhook endpoint to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhookEndpoint {
    /// Its name: 1 to 100 letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// The address that events are posted to.
    pub url: String,
    /// The kinds of events; `null` or left out: all.
    #[serde(default)]
    pub events: Option<Vec<String>>,
}

/// What changes of a webhook endpoint. A member that is left out keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookEndpointEdit {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The kinds of events; `null`: all.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub events: Option<Option<Vec<String>>>,
    /// Whether events are delivered. An endpoint that is enabled again gets the deliveries that were due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
}

/// A webhook endpoint, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The address that events are posted to.
    pub url: String,
    /// The kinds of events; `null`: all.
    #[schema(required)]
    pub events: Option<Vec<String>>,
    /// The number of its secret, from 1.
    pub generation: i32,
    /// When the secret was renewed last. For 24 hours, deliveries are signed with the secret before as well.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub renewed_at: Option<Timestamp>,
    /// The actor that added it.
    pub created_by: String,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was disabled; `null`: it is enabled.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub disabled_at: Option<Timestamp>,
    /// Why it is disabled: `gone` (it answered with HTTP status 410), `failing` (for 5 days) or `operator`.
    #[schema(required)]
    pub disabled_reason: Option<String>,
    /// The first failed attempt since the last success.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub failing_since: Option<Timestamp>,
    /// Deliveries that are due, now or later.
    pub due: i64,
}

/// A webhook endpoint with its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookEndpointSecret {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// The secret with which the receiver verifies signatures: `whsec_…`. It is shown only once.
    pub secret: String,
}

impl Versioned for WebhookEndpoint {
    fn version(&self) -> String {
        version_of(&(&self.name, &self.url, &self.events, self.generation, self.disabled_at))
    }
}

impl From<EndpointRow> for WebhookEndpoint {
    fn from(row: EndpointRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            url: row.url,
            events: row.events,
            generation: row.generation,
            renewed_at: row.renewed_at,
            created_by: row.created_by,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            disabled_reason: row.disabled_reason,
            failing_since: row.failing_since,
            due: row.due,
        }
    }
}

/// An attempt to do something with one endpoint.
pub(crate) fn attempt<'a>(caller: &'a Caller, action: Action, name: &str) -> Attempt<'a> {
    Attempt::new(caller, action, Object::WebhookEndpoint(name.to_owned()))
}

impl Control {
    /// The same with what webhook endpoints need.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Webhooks) -> Self {
        Self { webhooks: Arc::new(webhooks), ..self }
    }

    /// Adds a webhook endpoint; it receives events from now on.
    pub async fn add_webhook_endpoint(
        &self,
        caller: &Caller,
        new: &NewWebhookEndpoint,
    ) -> Result<Done<WebhookEndpointSecret>, Error> {
        let attempt = attempt(caller, Action::AddWebhookEndpoint, &new.name)
            .with("host", host(&new.url))
            .with("events", json!(new.events));
        let added = self.change(attempt, async |store: Store| {
            self.webhook_key()?;
            check_name(&new.name)?;
            self.check_url(&new.url)?;
            check_events(new.events.as_deref())?;
            let added = store.add_endpoint(&new.name, &new.url, new.events.as_deref(), caller.name());
            Ok((WebhookEndpoint::from(added.await?), Value::Null))
        });
        self.with_secret(added.await?)
    }

    /// All webhook endpoints, by name.
    pub async fn webhook_endpoints(&self, caller: &Caller) -> Result<Vec<WebhookEndpoint>, Error> {
        let attempt = Attempt::new(caller, Action::ViewWebhookEndpoints, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.endpoints().await?;
            Ok((rows.into_iter().map(WebhookEndpoint::from).collect(), Value::Null))
        })
        .await
    }

    /// A webhook endpoint.
    pub async fn webhook_endpoint(&self, caller: &Caller, name: &str) -> Result<WebhookEndpoint, Error> {
        let attempt = attempt(caller, Action::ViewWebhookEndpoints, name);
        self.act(attempt, async { Ok((self.store.endpoint(name).await?.into(), Value::Null)) }).await
    }

    /// Changes a webhook endpoint.
    pub async fn change_webhook_endpoint(
        &self,
        caller: &Caller,
        name: &str,
        edit: &WebhookEndpointEdit,
    ) -> Result<Done<WebhookEndpoint>, Error> {
        let mut attempt = attempt(caller, Action::ChangeWebhookEndpoint, name);
        if let Some(url) = &edit.url {
            attempt = attempt.with("host", host(url));
        }
        if let Some(events) = &edit.events {
            attempt = attempt.with("events", json!(events));
        }
        if let Some(is_enabled) = edit.is_enabled {
            attempt = attempt.with("is_enabled", is_enabled);
        }
        self.change(attempt, async |store: Store| {
            check(&store, caller, name).await?;
            if let Some(url) = &edit.url {
                self.check_url(url)?;
            }
            check_events(edit.events.as_ref().and_then(Option::as_deref))?;
            let change = EndpointChange {
                url: edit.url.as_deref(),
                events: edit.events.as_ref().map(Option::as_deref),
                is_enabled: edit.is_enabled,
            };
            Ok((store.change_endpoint(name, &change).await?.into(), Value::Null))
        })
        .await
    }

    /// Renews the secret of a webhook endpoint. For 24 hours, deliveries are signed with both secrets.
    pub async fn renew_webhook_secret(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Done<WebhookEndpointSecret>, Error> {
        let attempt = attempt(caller, Action::RenewWebhookSecret, name);
        let renewed = self.change(attempt, async |store: Store| {
            self.webhook_key()?;
            let renewed = WebhookEndpoint::from(store.renew_endpoint(name).await?);
            let details = json!({ "generation": renewed.generation });
            Ok((renewed, details))
        });
        self.with_secret(renewed.await?)
    }

    /// Removes a webhook endpoint with its deliveries.
    pub async fn remove_webhook_endpoint(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Done<WebhookEndpoint>, Error> {
        let attempt = attempt(caller, Action::RemoveWebhookEndpoint, name);
        self.change(attempt, async |store: Store| {
            check(&store, caller, name).await?;
            Ok((store.remove_endpoint(name).await?.into(), Value::Null))
        })
        .await
    }

    /// Adds the secret to a result. A request that is repeated with the same `Idempotency-Key` gets the same secret, because the
    /// answer with it may have been lost.
    fn with_secret(&self, done: Done<WebhookEndpoint>) -> Result<Done<WebhookEndpointSecret>, Error> {
        let Done { result: endpoint, is_replayed } = done;
        let secret = self.webhook_key()?.secret(endpoint.id, endpoint.generation).text();
        Ok(Done { result: WebhookEndpointSecret { endpoint, secret }, is_replayed })
    }

    fn webhook_key(&self) -> Result<&WebhookKey, Error> {
        self.webhooks.key.as_ref().map_err(Error::conflict)
    }

    fn check_url(&self, url: &str) -> Result<(), Error> {
        let parsed = Url::from_str(url)
            .map_err(|error| Error::invalid(format!("the address is not a URL: {error}")))?;
        self.webhooks.guard.check_url(&parsed).map_err(Error::invalid)
    }
}

/// Refuses a change of an endpoint that the client has read in another version.
async fn check(store: &Store, caller: &Caller, name: &str) -> Result<(), Error> {
    let present = async { Ok(Some(WebhookEndpoint::from(store.endpoint(name).await?))) };
    check_version(store, caller, &Object::WebhookEndpoint(name.to_owned()), present).await
}

/// The host of an address, for the audit.
fn host(url: &str) -> Option<String> {
    Url::from_str(url).ok()?.host_str().map(str::to_owned)
}

/// Names are parts of commands and of paths of the API.
fn check_name(name: &str) -> Result<(), Error> {
    let is_valid = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    if (1..=100).contains(&name.len()) && name.chars().all(is_valid) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(Error::invalid(
        "the name of a webhook endpoint has 1 to 100 letters a-z, digits, '.', '-' and '_', and begins with a letter or digit",
    ))
}

fn check_events(events: Option<&[String]>) -> Result<(), Error> {
    match events {
        Some([]) => Err(Error::invalid("name at least one kind of event, or leave the kinds out for all")),
        Some(events) => match events.iter().find(|event| !KINDS.contains(&event.as_str())) {
            Some(unknown) => {
                let known = KINDS.join(", ");
                Err(Error::invalid(format!("there is no event '{unknown}'; the events are {known}")))
            }
            None => Ok(()),
        },
        None => Ok(()),
    }
}
