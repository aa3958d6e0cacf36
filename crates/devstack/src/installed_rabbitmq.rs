//! A private RabbitMQ of the installed package: with its own node name, cookie, port mapper (`epmd`), ports and folder,
//! no plugins.
//!
//! This file prepares files and environment; `daemon.rs` starts the processes. `epmd` runs in the foreground, because an `epmd` that Erlang
//! starts leaves its process group and never ends.

use std::path::Path;

use uuid::Uuid;

use crate::daemon::{Daemon, Helper};
use crate::home::Home;
use crate::program::Program;
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
}

/// Prepares an instance with these lines added to `rabbitmq.conf`; `None` if nothing is installed.
pub(crate) fn prepare(places: &Places, config: &[String]) -> Result<Option<Prepared>, Error> {
    let (Some(programs), Some(epmd)) = (places.rabbitmq_programs(), places.program("epmd")) else {
        return Ok(None);
    };
    let home = Home::new(Service::RabbitMq, places, "rabbitmq")?;
    let free = || port::free().map_err(Error::system("find a free port"));
    let (amqp_port, epmd_port, node_port) = (free()?, free()?, free()?);
    let password = Uuid::new_v4().simple().to_string();
    let node = format!("flowcast-{}@localhost", Uuid::new_v4().simple());

    home.write(".erlang.cookie", &Uuid::new_v4().simple().to_string())?;
    home.write("enabled_plugins", "[].\n")?;
    let mut lines = vec![
        format!("listeners.tcp.1 = 127.0.0.1:{amqp_port}"),
        format!("default_user = {USER}"),
        format!("default_pass = {password}"),
    ];
    lines.extend_from_slice(config);
    let config_file = home.write("rabbitmq.conf", &(lines.join("\n") + "\n"))?;

    let program = |path: &Path| {
        Program::new(path, &home.folder, home.user)
            .env("PATH", &places.path)
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &node)
            .env("RABBITMQ_CONF_ENV_FILE", home.folder.join("none"))
    };
    let server = program(&programs.join("rabbitmq-server"))
        .env("RABBITMQ_DIST_PORT", node_port.to_string())
        .env("RABBITMQ_CONFIG_FILE", config_file)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.folder.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", home.folder.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", home.folder.join("log"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    let ctl = program(&programs.join("rabbitmqctl")).args(["-n", &node]);
    let helper = Helper { program: program(&epmd), port: epmd_port };
    let url = format!("amqp://{USER}:{password}@127.0.0.1:{amqp_port}/%2f");
    Ok(Some(Prepared { daemon: Daemon::new(home, Some(helper), server, STOP_SIGNAL), ctl, url }))
}
