//! The control plane as the commands use it: through the database, or through the API of a server.
//!
//! **Invariant.** A command does not know which of the two it uses: results and errors are those of `control`.

mod annotated_file;
mod campaigns;
mod lists;
mod senders;
mod system;
mod texts;

use std::sync::Arc;

use client::Client;
use control::{Caller, CompanyLogIns, Control, SecondFactors, Setup, Webhooks};
use notifier::{Guard, WebhookKey};
use store::Store;

use crate::exit::Refused;
use crate::settings::Settings;
use crate::{actor, api_access, interrupt, keys};

/// Where the actions of commands are executed.
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub(crate) enum Plane {
    /// In this process, with the password of the database.
    Database(Database),
    /// In a server, with an API key.
    Api(Client),
}

/// The control plane of an installation, and the actor of this command.
pub(crate) struct Database {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
}

impl Plane {
    /// The API if the environment names one, else the database.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if let Some(client) = api_access::client(settings.has_database())? {
            interrupt::explain(client.clone());
            return Ok(Self::Api(client));
        }
        Ok(Self::Database(Database::open(settings).await?))
    }
}

impl Plane {
    /// Whether actions are executed in a server.
    pub(crate) fn is_api(&self) -> bool {
        matches!(self, Self::Api(_))
    }
}

impl Database {
    /// Connects to PostgreSQL.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let store = Store::connect(&settings.postgres()?).await?;
        let mut plane = Self::new(store, settings.lists()?, settings.http()?);
        plane.control = plane
            .control
            .with_webhooks(webhooks(settings)?)
            .with_approval_above(settings.pages()?.approval_above);
        Ok(plane)
    }

    /// The control plane of an installation, with the actor of this command.
    pub(crate) fn new(store: Store, lists: producer::ListsConfig, http: whatsapp::Config) -> Self {
        let setup = Setup { store, lists, http, keys: Arc::new(keys::resolve) };
        Self { control: Control::new(setup), caller: actor::caller() }
    }
}

/// The key of the secrets of webhook endpoints, if one is set.
pub(crate) fn webhook_key(settings: &Settings) -> Result<Option<WebhookKey>, Refused> {
    settings.webhooks()?.key.as_deref().map(keys::resolve_webhook_key).transpose().map_err(Refused)
}

/// What second factors need. A key that the server does not have is an error, because log-ins would be refused.
pub(crate) fn second_factors(pages: &console::Config) -> Result<SecondFactors, Refused> {
    let mut second_factors = SecondFactors { rule: pages.second_factor, ..SecondFactors::default() };
    if let Some(key) = &pages.key {
        second_factors.key = Ok(keys::resolve_factor_key(key).map_err(Refused)?);
    }
    Ok(second_factors)
}

/// What webhook endpoints need. A key that this machine does not have is an error of the actions that need it only.
fn webhooks(settings: &Settings) -> Result<Webhooks, Refused> {
    let guard = Guard::new(settings.webhooks()?.networks);
    let key = match webhook_key(settings) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Webhooks::default().key,
        Err(problem) => Err(problem.to_string()),
    };
    Ok(Webhooks { key, guard })
}

/// How people log in with the account of their company; `None`: with passwords only.
pub(crate) fn company_log_ins(settings: &Settings, base: &str) -> Result<Option<CompanyLogIns>, Refused> {
    let config = settings.oidc()?;
    let Some(issuer) = config.issuer else { return Ok(None) };
    let mut roles = Vec::new();
    for (group, role) in config.roles {
        let role = role.parse().map_err(|error| Refused(format!("[oidc] roles: {group}: {error}")))?;
        roles.push((group, role));
    }
    let provider = oidc::Provider::new(oidc::Settings {
        issuer,
        client_id: config.client_id,
        client_secret: keys::resolve_client_secret(&config.client_secret).map_err(Refused)?,
        redirect_uri: format!("{base}/log-in/company/callback"),
        groups_claim: config.groups_claim,
        scopes: config.scopes,
    });
    let provider = provider.map_err(|error| Refused(format!("[oidc] {error}")))?;
    Ok(Some(CompanyLogIns { provider, name: config.name, roles }))
}
