//! A service in a container, through `testcontainers`.
//!
//! Invariants:
//! - The host port is fixed when the container is created, so that the address is the same after a stop and start.
//! - If there is a `docker` command, the watchdog knows the container's name before the container is created. Otherwise
//!   only dropping it removes it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

use testcontainers::bollard::query_parameters::{InspectNetworkOptions, KillContainerOptionsBuilder};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{CmdWaitFor, ExecCommand, IntoContainerPort};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};
use tokio::runtime::{self, Handle};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::watchdog::Watchdog;
use crate::{Error, Places, Service, port};

const ENGINE_PATIENCE: Duration = Duration::from_secs(3);
/// Includes the time to pull the image.
const START_LIMIT: Duration = Duration::from_mins(5);
const STOP_SECONDS: i32 = 30;
const PAUSE: Duration = Duration::from_millis(50);
const LOG_TAIL: usize = 1500;

/// A container, running or not.
#[derive(Debug)]
pub(crate) struct Container {
    inner: Option<ContainerAsync<GenericImage>>,
    _watchdog: Option<Watchdog>,
}

/// The location of the engine relative to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// On this host: its ports can be opened on loopback only.
    Here,
    /// On another host, or outside the container of this process.
    Elsewhere,
}

/// The location of the Docker engine; `None` if no engine answers.
pub(crate) async fn engine() -> Option<Engine> {
    let docker = docker_client_instance().await.ok()?;
    timeout(ENGINE_PATIENCE, docker.ping()).await.ok()?.ok()?;
    if std::env::var("DOCKER_HOST").is_ok_and(|host| !host.starts_with("unix:")) {
        return Some(Engine::Elsewhere);
    }
    if !Path::new("/.dockerenv").exists() {
        return Some(Engine::Here);
    }
    // This process is in a container. Either the engine is in it too, or its socket was mounted from the host.
    let bridge = docker.inspect_network("bridge", None::<InspectNetworkOptions>).await.ok();
    let networks = bridge.and_then(|network| network.ipam?.config).unwrap_or_default();
    let subnets = networks.into_iter().filter_map(|network| network.subnet);
    Some(if subnets.into_iter().any(|subnet| is_ours(&subnet)) { Engine::Here } else { Engine::Elsewhere })
}

/// Whether one of our addresses is the engine's end of a bridge, which is the first address of the subnet.
fn is_ours(subnet: &str) -> bool {
    let network = subnet.split('/').next().and_then(|network| network.parse::<Ipv4Addr>().ok());
    let gateway = network.and_then(|network| u32::from(network).checked_add(1)).map(Ipv4Addr::from);
    gateway.is_some_and(|gateway| TcpListener::bind((gateway, 0)).is_ok())
}

impl Container {
    /// Creates and starts a container of this image, and returns the host and port of its inner port.
    pub(crate) async fn start_new(
        service: Service,
        request: impl FnOnce(GenericImage) -> ContainerRequest<GenericImage>,
        places: &Places,
        engine: Engine,
    ) -> Result<(Self, String), Error> {
        let (image, tag, inner_port) = image(service);
        let name = format!("flowcast-{}-{}", service.slug(), Uuid::new_v4().simple());
        let watchdog = match places.program("docker") {
            Some(_) => {
                Some(Watchdog::over_container(&name).map_err(Error::system("start a watchdog with sh"))?)
            }
            None => None,
        };
        let host_port = port::free().map_err(Error::system("find a free port"))?;
        let request = request(GenericImage::new(image, tag))
            .with_container_name(name)
            .with_mapped_port(host_port, inner_port.tcp())
            .with_host_config_modifier(move |config| {
                let bindings = config.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
                for binding in bindings.flatten().flatten() {
                    binding.host_ip = (engine == Engine::Here).then(|| "127.0.0.1".to_owned());
                }
            });
        let container = timeout(START_LIMIT, request.start())
            .await
            .map_err(|_| Error::TimedOut { doing: "pull an image and start a container" })?
            .map_err(Error::container("start"))?;
        let host = match engine {
            Engine::Here => "127.0.0.1".to_owned(),
            Engine::Elsewhere => container.get_host().await.map_err(Error::container("find"))?.to_string(),
        };
        Ok((Self { inner: Some(container), _watchdog: watchdog }, format!("{host}:{host_port}")))
    }

    /// Starts the container again, at the same address.
    pub(crate) async fn start(&self) -> Result<(), Error> {
        self.with("start", async |container| container.start().await).await
    }

    /// Asks the service to shut down, and waits until it has.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        self.with("stop", async |container| container.stop_with_timeout(Some(STOP_SECONDS)).await).await
    }

    /// Ends the service with `SIGKILL`, and waits until it is gone.
    pub(crate) async fn kill(&self) -> Result<(), Error> {
        self.with("kill", async |container| {
            let docker = docker_client_instance().await?;
            let options = KillContainerOptionsBuilder::new().signal("KILL").build();
            if container.is_running().await? {
                docker
                    .kill_container(container.id(), Some(options))
                    .await
                    .map_err(TestcontainersError::other)?;
            }
            while container.is_running().await? {
                sleep(PAUSE).await;
            }
            Ok(())
        })
        .await
    }

    /// Suspends or resumes all processes.
    pub(crate) async fn freeze(&self, frozen: bool) -> Result<(), Error> {
        self.with(
            "pause",
            async |container| {
                if frozen { container.pause().await } else { container.unpause().await }
            },
        )
        .await
    }

    /// Whether the container ended by itself.
    pub(crate) async fn exited(&self) -> bool {
        matches!(self.with("inspect", async |container| container.is_running().await).await, Ok(false))
    }

    /// The end of the service's log.
    pub(crate) async fn log_end(&self) -> String {
        let printed = self.with("read the log of", async |container| {
            let mut text = container.stdout_to_vec().await?;
            text.extend(container.stderr_to_vec().await?);
            Ok(text)
        });
        let text = printed.await.unwrap_or_default();
        let tail = text.get(text.len().saturating_sub(LOG_TAIL)..).unwrap_or_default();
        String::from_utf8_lossy(tail).trim().to_owned()
    }

    /// Runs a command in the container and returns its output.
    pub(crate) async fn output(&self, command: &[&str]) -> Result<String, Error> {
        let (code, stdout, stderr) = self
            .with("run a command in", async |container| {
                let command =
                    ExecCommand::new(command.iter().copied()).with_cmd_ready_condition(CmdWaitFor::exit());
                let mut result = container.exec(command).await?;
                let (stdout, stderr) = (result.stdout_to_vec().await?, result.stderr_to_vec().await?);
                Ok((result.exit_code().await?, stdout, stderr))
            })
            .await?;
        let text = String::from_utf8_lossy(&stdout).into_owned();
        if code == Some(0) {
            return Ok(text);
        }
        Err(Error::Command {
            command: command.first().copied().unwrap_or_default().to_owned(),
            status: format!("exit code {code:?}"),
            output: format!("{text}{}", String::from_utf8_lossy(&stderr)),
        })
    }

    async fn with<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&ContainerAsync<GenericImage>) -> Result<T, TestcontainersError>,
    ) -> Result<T, Error> {
        match &self.inner {
            Some(container) => work(container).await.map_err(Error::container(doing)),
            None => Err(Error::TimedOut { doing: "use a container that is being removed" }),
        }
    }
}

impl Drop for Container {
    /// `ContainerAsync` can be dropped only inside a runtime, but a test or a `main` may drop a stack outside.
    fn drop(&mut self) {
        let Some(container) = self.inner.take() else { return };
        if Handle::try_current().is_ok() {
            drop(container);
            return;
        }
        let removal = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(async { drop(container) }),
                Err(error) => tracing::warn!(%error, "a container could not be removed"),
            }
        });
        removal.join().ok();
    }
}

/// Image, tag and port inside the container.
const fn image(service: Service) -> (&'static str, &'static str, u16) {
    match service {
        Service::RabbitMq => ("rabbitmq", "4-management", 5672),
        Service::Postgres => ("postgres", "17", 5432),
    }
}
