//! The database server of a stack, and what a fault test can do to it.

use testcontainers::ImageExt;
use uuid::Uuid;

use crate::container::{Container, Engine};
use crate::instance::{Instance, Way};
use crate::port::PORT_ATTEMPTS;
use crate::{Error, Places, Service, installed_postgres};

/// A PostgreSQL server that answers.
#[derive(Debug)]
pub struct Postgres {
    pub(crate) instance: Instance,
}

impl Postgres {
    /// Ends the server with `SIGKILL`, with all its backends.
    pub async fn kill(&self) -> Result<(), Error> {
        self.instance.kill().await
    }

    /// Shuts the server down and waits until it is gone; open connections are closed.
    pub async fn stop(&self) -> Result<(), Error> {
        self.instance.stop().await
    }

    /// Starts the server again at the same address with the same data, and waits until it answers.
    pub async fn start(&self) -> Result<(), Error> {
        self.instance.start().await
    }

    /// Suspends the server (`SIGSTOP`): connections stay open, and nothing answers.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.instance.freeze(true).await
    }

    /// Resumes the server after [`Postgres::freeze`].
    pub async fn thaw(&self) -> Result<(), Error> {
        self.instance.freeze(false).await
    }

    /// A standby of an installed server; `None` if PostgreSQL is not installed.
    pub(crate) async fn standby_of(primary: &Self, name: &str) -> Result<Option<Self>, Error> {
        let Some((daemon, url)) = installed_postgres::prepare_standby(primary.instance.url(), name).await?
        else {
            return Ok(None);
        };
        daemon.start().await?;
        let instance = Instance::ready(Service::Postgres, Way::Installed(Box::new(daemon)), &url).await?;
        Ok(Some(Self { instance }))
    }

    /// The server at this address.
    pub(crate) async fn given(url: &str) -> Result<Self, Error> {
        Ok(Self { instance: Instance::ready(Service::Postgres, Way::Given, url).await? })
    }

    /// A server in a container.
    pub(crate) async fn in_container(
        settings: &[String],
        places: &Places,
        engine: Engine,
    ) -> Result<Self, Error> {
        let password = Uuid::new_v4().simple().to_string();
        let ours = ["shared_buffers=256MB", "max_connections=200", "max_wal_size=4GB"];
        let settings = ours.into_iter().chain(settings.iter().map(String::as_str));
        let arguments = ["postgres"].into_iter().chain(settings.flat_map(|setting| ["-c", setting]));
        let request = |image: testcontainers::GenericImage| {
            image
                .with_env_var("POSTGRES_USER", "flowcast")
                .with_env_var("POSTGRES_PASSWORD", &password)
                .with_env_var("POSTGRES_DB", "postgres")
                .with_cmd(arguments)
        };
        let (container, address) = Container::start_new(Service::Postgres, request, places, engine).await?;
        let url = format!("postgres://flowcast:{password}@{address}/postgres");
        Ok(Self {
            instance: Instance::ready(Service::Postgres, Way::Container(Box::new(container)), &url).await?,
        })
    }

    /// A private server; `None` if PostgreSQL is not installed.
    pub(crate) async fn installed(settings: &[String], places: &Places) -> Result<Option<Self>, Error> {
        let mut attempts = 1;
        loop {
            let Some((daemon, url)) = installed_postgres::prepare(settings, places).await? else {
                return Ok(None);
            };
            daemon.start().await?;
            match Instance::ready(Service::Postgres, Way::Installed(Box::new(daemon)), &url).await {
                Err(error) if error.is_port_taken() && attempts < PORT_ATTEMPTS => attempts += 1,
                ready => return Ok(Some(Self { instance: ready? })),
            }
        }
    }
}
