//! A RabbitMQ cluster of the installed package, of which a test kills or freezes single nodes.
//!
//! The nodes share one `epmd` and one cookie. `epmd` has a process group of its own, so it outlives each node.

use uuid::Uuid;

use crate::daemon::Daemon;
use crate::installed_rabbitmq::{self, Shared};
use crate::instance::{Instance, Way};
use crate::rabbitmq::Settings;
use crate::{Error, Places, RabbitMq, Service, port};

/// A cluster whose minority pauses itself.
#[derive(Debug)]
pub struct RabbitCluster {
    // Dropped before the port mapper that they use.
    nodes: Vec<RabbitMq>,
    _epmd: Daemon,
}

impl RabbitCluster {
    /// Starts so many nodes one after the other; takes about 15 seconds for each.
    pub async fn start(nodes: usize) -> Result<Self, Error> {
        let places = Places::system();
        let nothing = || Error::NothingAvailable {
            service: Service::RabbitMq,
            tried: "a cluster needs the installed package".to_owned(),
        };
        let shared = Shared {
            cookie: Uuid::new_v4().simple().to_string(),
            password: Uuid::new_v4().simple().to_string(),
            epmd_port: port::free().map_err(Error::system("find a free port"))?,
        };
        let epmd = installed_rabbitmq::epmd(&places, &shared)?.ok_or_else(nothing)?;
        epmd.start().await?;
        let mut cluster = Self { nodes: Vec::new(), _epmd: epmd };
        let mut first: Option<String> = None;
        for _ in 0..nodes {
            // As docs/HA.md asks for.
            let config = ["cluster_partition_handling = pause_minority", "net_ticktime = 15"];
            let settings = Settings { config: config.map(str::to_owned).to_vec(), plugins: Vec::new() };
            let prepared =
                installed_rabbitmq::prepare(&places, &settings, Some(&shared))?.ok_or_else(nothing)?;
            prepared.daemon.start().await?;
            let way = Way::Installed(Box::new(prepared.daemon));
            let instance = Instance::ready(Service::RabbitMq, way, &prepared.url).await?;
            let node = RabbitMq { instance, ctl: Some(prepared.ctl) };
            if let Some(first) = &first {
                node.ctl(&["stop_app"]).await?;
                node.ctl(&["join_cluster", first]).await?;
                node.ctl(&["start_app"]).await?;
            }
            first.get_or_insert(prepared.node);
            cluster.nodes.push(node);
        }
        Ok(cluster)
    }

    /// The nodes, in the order in which they were started.
    pub fn nodes(&self) -> &[RabbitMq] {
        &self.nodes
    }

    /// The addresses of all nodes, in the same order, separated by commas.
    pub fn urls(&self) -> String {
        self.nodes.iter().map(RabbitMq::url).collect::<Vec<_>>().join(",")
    }
}
