//! A RabbitMQ and a PostgreSQL together, and the choice between given, container and installed.

use std::env;

use tokio::sync::OnceCell;

use crate::container::{self, Engine};
use crate::rabbitmq::Settings;
use crate::{Error, Places, Postgres, RabbitMq, Scope, Service};

/// Both services, ready. Dropping it removes what it started, and blocks meanwhile.
#[derive(Debug)]
pub struct Stack {
    rabbitmq: RabbitMq,
    postgres: Postgres,
}

static SHARED: OnceCell<Stack> = OnceCell::const_new();

impl Stack {
    /// Uses the addresses in `AMQP_URL` and `DATABASE_URL`, and starts the services without an address.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Starts both services, in containers or from the installed programs, for tests that stop or kill them.
    pub async fn private() -> Result<Self, Error> {
        Self::builder().private().start().await
    }

    /// Starts both services from the programs installed on this machine.
    pub async fn private_installed() -> Result<Self, Error> {
        Self::builder().private_installed().start().await
    }

    /// The shared stack of this process, as from [`Stack::start`], for tests that do not stop the services.
    ///
    /// It is removed when the process ends.
    pub async fn shared() -> Result<&'static Self, Error> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// Settings for a stack, initially those of the environment.
    pub fn builder() -> Builder {
        let given = |service: Service| env::var(service.variable()).ok().filter(|url| !url.is_empty());
        Builder {
            amqp_url: given(Service::RabbitMq),
            database_url: given(Service::Postgres),
            places: Places::system(),
            rabbitmq: Settings::default(),
            postgres_settings: Vec::new(),
        }
    }

    /// Opens a scope for one test; `name` helps to recognize its database.
    pub async fn scope(&self, name: &str) -> Result<Scope, Error> {
        Box::pin(Scope::open(self, name)).await
    }

    /// The address of the broker.
    pub fn amqp_url(&self) -> &str {
        self.rabbitmq.instance.url().as_str()
    }

    /// The address of a default database. Unless it was given, its user may do everything.
    pub fn database_url(&self) -> &str {
        self.postgres.instance.url().as_str()
    }

    /// The broker.
    pub fn rabbitmq(&self) -> &RabbitMq {
        &self.rabbitmq
    }

    /// The database.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Versions, origins and addresses of both services in one line, without passwords.
    pub fn describe(&self) -> String {
        format!("{}, {}", self.rabbitmq.instance.describe(), self.postgres.instance.describe())
    }
}

/// Settings for a stack.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    amqp_url: Option<String>,
    database_url: Option<String>,
    places: Places,
    rabbitmq: Settings,
    postgres_settings: Vec<String>,
}

impl Builder {
    /// Ignores given addresses, so that both services can be stopped and killed.
    pub fn private(mut self) -> Self {
        self.amqp_url = None;
        self.database_url = None;
        self
    }

    /// Ignores given addresses and containers.
    pub fn private_installed(mut self) -> Self {
        self.places.containers = false;
        self.private()
    }

    /// Uses the broker at this address.
    pub fn amqp_url(mut self, url: impl Into<String>) -> Self {
        self.amqp_url = Some(url.into());
        self
    }

    /// Uses the database server at this address.
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// Searches these places for the installed services.
    pub fn places(mut self, places: Places) -> Self {
        self.places = places;
        self
    }

    /// Adds a line to `rabbitmq.conf`. A given broker is then ignored, because it would not have the line.
    pub fn rabbitmq_config(mut self, line: impl Into<String>) -> Self {
        self.rabbitmq.config.push(line.into());
        self.amqp_url = None;
        self
    }

    /// Enables a plugin of RabbitMQ. A given broker is then ignored, because it may not have the plugin.
    pub fn rabbitmq_plugin(mut self, name: impl Into<String>) -> Self {
        self.rabbitmq.plugins.push(name.into());
        self.amqp_url = None;
        self
    }

    /// Adds a PostgreSQL setting, `name=value`; the last one wins. A given server is then ignored, because it would not
    /// have the setting.
    pub fn postgres_setting(mut self, setting: impl Into<String>) -> Self {
        self.postgres_settings.push(setting.into());
        self.database_url = None;
        self
    }

    /// Starts the services without an address, both at the same time, and waits until both answer.
    pub async fn start(self) -> Result<Stack, Error> {
        let all_given = self.amqp_url.is_some() && self.database_url.is_some();
        let engine = if self.places.containers && !all_given { container::engine().await } else { None };
        let rabbitmq = Box::pin(self.rabbitmq(engine));
        let postgres = Box::pin(self.postgres(engine));
        let (rabbitmq, postgres) = tokio::try_join!(rabbitmq, postgres)?;
        Ok(Stack { rabbitmq, postgres })
    }

    async fn rabbitmq(&self, engine: Option<Engine>) -> Result<RabbitMq, Error> {
        if let Some(url) = &self.amqp_url {
            return RabbitMq::given(url).await;
        }
        let mut tried = NO_ENGINE.to_owned();
        if let Some(engine) = engine {
            match RabbitMq::in_container(&self.rabbitmq, &self.places, engine).await {
                Ok(rabbitmq) => return Ok(rabbitmq),
                Err(error) => tried = no_container(Service::RabbitMq, &error),
            }
        }
        let installed = RabbitMq::installed(&self.rabbitmq, &self.places).await?;
        installed.ok_or_else(|| nothing(Service::RabbitMq, &tried))
    }

    async fn postgres(&self, engine: Option<Engine>) -> Result<Postgres, Error> {
        if let Some(url) = &self.database_url {
            return Postgres::given(url).await;
        }
        let mut tried = NO_ENGINE.to_owned();
        if let Some(engine) = engine {
            match Postgres::in_container(&self.postgres_settings, &self.places, engine).await {
                Ok(postgres) => return Ok(postgres),
                Err(error) => tried = no_container(Service::Postgres, &error),
            }
        }
        let installed = Postgres::installed(&self.postgres_settings, &self.places).await?;
        installed.ok_or_else(|| nothing(Service::Postgres, &tried))
    }
}

const NO_ENGINE: &str = "no Docker engine answers";

/// Logs why the container could not be used, before the installed programs are tried.
fn no_container(service: Service, error: &Error) -> String {
    let reason = error.chain();
    tracing::warn!(%service, reason, "no container; trying the installed programs");
    reason
}

fn nothing(service: Service, tried: &str) -> Error {
    Error::NothingAvailable { service, tried: format!("{tried}; no installed {service} was found") }
}
