//! The broker of a stack, and what a fault test can do to it.

use testcontainers::ImageExt;
use uuid::Uuid;

use crate::container::{Container, Engine};
use crate::instance::{Instance, Way};
use crate::port::PORT_ATTEMPTS;
use crate::program::Program;
use crate::{Error, Places, Service, installed_rabbitmq};

/// The settings of a broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Lines of `rabbitmq.conf`.
    pub(crate) config: Vec<String>,
    /// The enabled plugins.
    pub(crate) plugins: Vec<String>,
}

impl Settings {
    /// The content of the file `enabled_plugins`.
    pub(crate) fn enabled_plugins(&self) -> String {
        format!("[{}].\n", self.plugins.join(","))
    }
}

/// A RabbitMQ broker that answers.
#[derive(Debug)]
pub struct RabbitMq {
    pub(crate) instance: Instance,
    /// `rabbitmqctl` of a private instance.
    pub(crate) ctl: Option<Program>,
}

impl RabbitMq {
    /// The address of the broker.
    pub fn url(&self) -> &str {
        self.instance.url().as_str()
    }

    /// Ends the broker with `SIGKILL`, with all its processes.
    ///
    /// RabbitMQ 3.10 writes the declaration of a quorum queue to disk within half a second, not at once. A broker that
    /// is killed before has the queue after its restart, but without messages and without a leader, so that every
    /// operation waits. A test that kills soon after a declaration calls [`RabbitMq::flush_queue_directory`] first.
    pub async fn kill(&self) -> Result<(), Error> {
        self.instance.kill().await
    }

    /// Shuts the broker down and waits until it is gone.
    pub async fn stop(&self) -> Result<(), Error> {
        self.instance.stop().await
    }

    /// Starts the broker again at the same address with the same data, and waits until it answers.
    pub async fn start(&self) -> Result<(), Error> {
        self.instance.start().await
    }

    /// Suspends the broker (`SIGSTOP`): connections stay open, and nothing answers.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.instance.freeze(true).await
    }

    /// Resumes the broker after [`RabbitMq::freeze`].
    pub async fn thaw(&self) -> Result<(), Error> {
        self.instance.freeze(false).await
    }

    /// Runs `rabbitmqctl` with these arguments and returns its output; takes a second or two.
    pub async fn ctl(&self, args: &[&str]) -> Result<String, Error> {
        match (&self.instance.way, &self.ctl) {
            (Way::Installed(_), Some(ctl)) => ctl.clone().args(args.iter().copied()).output().await,
            (Way::Container(container), _) => container.output(&[&["rabbitmqctl"], args].concat()).await,
            (Way::Installed(_) | Way::Given, _) => Err(Error::NotOurs(Service::RabbitMq)),
        }
    }

    /// Writes the list of quorum queues to disk now, see [`RabbitMq::kill`].
    pub async fn flush_queue_directory(&self) -> Result<(), Error> {
        self.ctl(&["eval", "[dets:sync(Table) || Table <- dets:all()]."]).await.map(drop)
    }

    /// The broker at this address.
    pub(crate) async fn given(url: &str) -> Result<Self, Error> {
        let instance = Instance::ready(Service::RabbitMq, Way::Given, url).await?;
        Ok(Self { instance, ctl: None })
    }

    /// A broker in a container, with these settings.
    pub(crate) async fn in_container(
        settings: &Settings,
        places: &Places,
        engine: Engine,
    ) -> Result<Self, Error> {
        let password = Uuid::new_v4().simple().to_string();
        let lines = settings.config.join("\n") + "\n";
        let request = |image: testcontainers::GenericImage| {
            image
                .with_env_var("RABBITMQ_DEFAULT_USER", "flowcast")
                .with_env_var("RABBITMQ_DEFAULT_PASS", &password)
                .with_copy_to("/etc/rabbitmq/conf.d/20-devstack.conf", lines.into_bytes())
                .with_copy_to("/etc/rabbitmq/enabled_plugins", settings.enabled_plugins().into_bytes())
        };
        let (container, address) = Container::start_new(Service::RabbitMq, request, places, engine).await?;
        let url = format!("amqp://flowcast:{password}@{address}/%2f");
        let instance = Instance::ready(Service::RabbitMq, Way::Container(Box::new(container)), &url).await?;
        Ok(Self { instance, ctl: None })
    }

    /// A private broker with these settings; `None` if RabbitMQ is not installed.
    pub(crate) async fn installed(settings: &Settings, places: &Places) -> Result<Option<Self>, Error> {
        let mut attempts = 1;
        loop {
            let Some(prepared) = installed_rabbitmq::prepare(places, settings, None)? else {
                return Ok(None);
            };
            prepared.daemon.start().await?;
            let way = Way::Installed(Box::new(prepared.daemon));
            match Instance::ready(Service::RabbitMq, way, &prepared.url).await {
                Err(error) if error.is_port_taken() && attempts < PORT_ATTEMPTS => attempts += 1,
                ready => return Ok(Some(Self { instance: ready?, ctl: Some(prepared.ctl) })),
            }
        }
    }
}
