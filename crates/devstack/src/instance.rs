//! One service of a stack, however it was started: its address, and the operations on it.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use url::Url;

use crate::container::Container;
use crate::daemon::Daemon;
use crate::{Error, Service, amqp, database};

/// How long a service may take to answer after its start on a busy machine.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// How long a service that was given by its address may take; it may be starting at the same time.
const GIVEN_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// The origin of a service.
#[derive(Debug)]
pub(crate) enum Way {
    /// It was given by its address, and this stack does not control it.
    Given,
    /// It runs in a container.
    Container(Box<Container>),
    /// It is a private instance of the installed programs.
    Installed(Box<Daemon>),
}

/// A service that answers.
#[derive(Debug)]
pub(crate) struct Instance {
    service: Service,
    url: Url,
    version: String,
    pub(crate) way: Way,
}

impl Instance {
    /// Waits until the service answers at the address.
    pub(crate) async fn ready(service: Service, way: Way, url: &str) -> Result<Self, Error> {
        let invalid = |_| Error::Invalid { variable: service.variable(), reason: "it is not a URL" };
        let url = Url::parse(url).map_err(invalid)?;
        let mut instance = Self { service, url, version: String::new(), way };
        instance.version = instance.wait_until_ready().await?;
        Ok(instance)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Name, version, origin and address in a few words, without the password.
    pub(crate) fn describe(&self) -> String {
        let way = match &self.way {
            Way::Given => "given",
            Way::Container(_) => "in a container",
            Way::Installed(_) => "installed here",
        };
        format!("{} {} ({way}) on {}", self.service, self.version, self.address())
    }

    pub(crate) fn is_given(&self) -> bool {
        matches!(self.way, Way::Given)
    }

    pub(crate) async fn start(&self) -> Result<(), Error> {
        match &self.way {
            Way::Given => return Err(Error::NotOurs(self.service)),
            Way::Container(container) => container.start().await?,
            Way::Installed(daemon) => daemon.start().await?,
        }
        self.wait_until_ready().await.map(drop)
    }

    pub(crate) async fn stop(&self) -> Result<(), Error> {
        match &self.way {
            Way::Given => Err(Error::NotOurs(self.service)),
            Way::Container(container) => container.stop().await,
            Way::Installed(daemon) => daemon.stop().await,
        }
    }

    pub(crate) async fn kill(&self) -> Result<(), Error> {
        match &self.way {
            Way::Given => Err(Error::NotOurs(self.service)),
            Way::Container(container) => container.kill().await,
            Way::Installed(daemon) => daemon.kill().await,
        }
    }

    pub(crate) async fn freeze(&self, frozen: bool) -> Result<(), Error> {
        match &self.way {
            Way::Given => Err(Error::NotOurs(self.service)),
            Way::Container(container) => container.freeze(frozen).await,
            Way::Installed(daemon) => daemon.freeze(frozen).await,
        }
    }

    /// Waits until the service is ready and returns its version.
    async fn wait_until_ready(&self) -> Result<String, Error> {
        let limit = if self.is_given() { GIVEN_LIMIT } else { READY_LIMIT };
        let mut last = None;
        let ready = async {
            loop {
                match self.probe().await {
                    Ok(version) => return Ok(version),
                    Err(error) => last = Some(Box::new(error)),
                }
                self.still_starting().await?;
                sleep(PAUSE).await;
            }
        };
        let outcome = timeout(limit, ready).await;
        outcome.unwrap_or_else(|_| {
            let (service, address) = (self.service, self.address());
            Err(Error::NotReady { service, address, seconds: limit.as_secs(), source: last })
        })
    }

    async fn probe(&self) -> Result<String, Error> {
        match self.service {
            Service::RabbitMq => amqp::probe(&self.url).await,
            Service::Postgres => database::probe(&self.url).await,
        }
    }

    /// Fails if the service has ended instead of becoming ready.
    async fn still_starting(&self) -> Result<(), Error> {
        let (status, log) = match &self.way {
            Way::Given => return Ok(()),
            Way::Container(container) => {
                if !container.exited().await {
                    return Ok(());
                }
                ("the container stopped".to_owned(), container.log_end().await)
            }
            Way::Installed(daemon) => match daemon.exited().await {
                None => return Ok(()),
                Some(status) => (status.to_string(), daemon.log_end()),
            },
        };
        Err(Error::DidNotStart { service: self.service, status, log })
    }

    fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or("its socket");
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}
