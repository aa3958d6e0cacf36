//! A private RabbitMQ of the installed package: with its own node name, cookie, port mapper (`epmd`), ports and folder,
//! plugins only where a test asks for them.
//!
//! This file prepares files and environment; `daemon.rs` starts the processes. `epmd` runs in the foreground, because an `epmd` that Erlang
//! starts leaves its process group and never ends.

use std::path::Path;

use uuid::Uuid;

use crate::daemon::{Daemon, Helper};
use crate::home::Home;
use crate::program::Program;
use crate::rabbitmq::Settings;
use crate::{Error, Places, Service, port};

const USER: &str = "flowcast";

/// Erlang shuts down on `SIGTERM`.
const STOP_SIGNAL: &str = "TERM";

/// An instance that is not running yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) daemon: Daemon,
    /// `rabbitmqctl` for this node, without arguments.
    pub(crate) ctl: Program,
    pub(crate) url: String,
    /// The name of the node.
    pub(crate) node: String,
}

/// What the nodes of a cluster share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cookie: String,
    pub(crate) password: String,
    /// The port of their `epmd`, which runs already.
    pub(crate) epmd_port: u16,
}

/// The `epmd` of a cluster; `None` if nothing is installed.
pub(crate) fn epmd(places: &Places, shared: &Shared) -> Result<Option<Daemon>, Error> {
    let Some(epmd) = places.program("epmd") else { return Ok(None) };
    let home = Home::new(Service::RabbitMq, places, "rabbitmq")?;
    let program = Program::new(&epmd, &home.folder, home.user)
        .env("PATH", &places.path)
        .env("ERL_EPMD_PORT", shared.epmd_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1");
    Ok(Some(Daemon::new(home, None, program, STOP_SIGNAL)))
}

/// Prepares an instance with these settings, as a node of a cluster or alone; `None` if nothing is installed.
pub(crate) fn prepare(
    places: &Places,
    settings: &Settings,
    shared: Option<&Shared>,
) -> Result<Option<Prepared>, Error> {
    let (Some(programs), Some(epmd)) = (places.rabbitmq_programs(), places.program("epmd")) else {
        return Ok(None);
    };
    let home = Home::new(Service::RabbitMq, places, "rabbitmq")?;
    let free = || port::free().map_err(Error::system("find a free port"));
    let (amqp_port, node_port) = (free()?, free()?);
    let secret = || Uuid::new_v4().simple().to_string();
    let (cookie, password, epmd_port) = match shared {
        Some(shared) => (shared.cookie.clone(), shared.password.clone(), shared.epmd_port),
        None => (secret(), secret(), free()?),
    };
    let node = format!("flowcast-{}@localhost", Uuid::new_v4().simple());

    home.write(".erlang.cookie", &cookie)?;
    home.write("enabled_plugins", &settings.enabled_plugins())?;
    let mut lines = vec![
        format!("listeners.tcp.1 = 127.0.0.1:{amqp_port}"),
        format!("default_user = {USER}"),
        format!("default_pass = {password}"),
    ];
    lines.extend_from_slice(&settings.config);
    let config_file = home.write("rabbitmq.conf", &(lines.join("\n") + "\n"))?;

    let program = |path: &Path| {
        Program::new(path, &home.folder, home.user)
            .env("PATH", &places.path)
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &node)
            .env("RABBITMQ_CONF_ENV_FILE", home.folder.join("none"))
    };
    // Three nodes with a scheduler for each core would mostly wait for each other.
    let schedulers = if shared.is_some() { " +S 1:1" } else { "" };
    let server = program(&programs.join("rabbitmq-server"))
        .env("RABBITMQ_DIST_PORT", node_port.to_string())
        .env("RABBITMQ_CONFIG_FILE", config_file)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.folder.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", home.folder.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", home.folder.join("log"))
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("-kernel inet_dist_use_interface {{127,0,0,1}}{schedulers}"),
        );
    let ctl = program(&programs.join("rabbitmqctl")).args(["-n", &node]);
    let helper = shared.is_none().then(|| Helper { program: program(&epmd), port: epmd_port });
    let url = format!("amqp://{USER}:{password}@127.0.0.1:{amqp_port}/%2f");
    Ok(Some(Prepared { daemon: Daemon::new(home, helper, server, STOP_SIGNAL), ctl, url, node }))
}
