//! A rolling upgrade and its return: processes of the previous build and of this one side by side under load.
//!
//! `FLOWCAST_PREVIOUS` names the executable of the previous build (`scripts/previous-build`). Without it this build takes its place, and
//! the test shows restarts only. The tables are those of this build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use simulator::{Config, Latency};
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

use crate::audit::Audit;
use crate::rates::{Arrivals, HEAD, RULE};
use crate::world::{PATIENCE, Process, World};

/// Every this often, one process is stopped, and one of the other build takes its place.
const EVERY: Duration = Duration::from_secs(5);
const RUN: Duration = Duration::from_mins(3);
const RATE: &str = "200/s,burst=20";
/// Requests are under way whenever a worker is stopped.
const LATENCY: Duration = Duration::from_millis(200);

/// The processes of one role, and which build each of them is.
struct Fleet {
    role: &'static str,
    processes: Vec<(Process, Build)>,
}

#[derive(Clone, Copy)]
enum Build {
    Previous,
    This,
}

impl Build {
    fn other(self) -> Self {
        match self {
            Self::Previous => Self::This,
            Self::This => Self::Previous,
        }
    }

    fn executable(self) -> PathBuf {
        let this = env!("CARGO_BIN_EXE_flowcast");
        match self {
            Self::Previous => {
                std::env::var_os("FLOWCAST_PREVIOUS").map_or_else(|| this.into(), PathBuf::from)
            }
            Self::This => this.into(),
        }
    }

    /// Starts a role of this build in the installation, with a log of its own.
    fn start(self, world: &World, role: &str) -> Process {
        let of_this = world.command(&[role]);
        let of_this = of_this.as_std();
        let mut command = Command::new(self.executable());
        command.arg(role).env_remove("RUST_LOG").stdin(Stdio::null()).kill_on_drop(true);
        command.envs(of_this.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let folder = of_this.get_current_dir().unwrap();
        let log = tempfile::Builder::new().prefix(role).suffix(".log").tempfile_in(folder).unwrap();
        let (log, _) = log.keep().unwrap();
        Process::of(command.current_dir(folder).stderr(log).spawn().unwrap())
    }
}

impl Fleet {
    fn start(world: &World, role: &'static str, builds: &[Build]) -> Self {
        Self { role, processes: builds.iter().map(|build| (build.start(world, role), *build)).collect() }
    }

    /// Stops the process that runs for the longest time, and starts one of the other build.
    async fn replace_one(&mut self, world: &World) {
        let (process, build) = self.processes.remove(0);
        let status = process.stop().await;
        assert!(status.success(), "a {} ended with {status}; {}", self.role, world.logs());
        let build = build.other();
        self.processes.push((build.start(world, self.role), build));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_previous_build_and_this_one_work_side_by_side() {
    let previous = Build::Previous.executable();
    println!("the previous build is {}", version(&previous).await);
    let config = Config { latency: Latency::fixed(LATENCY), ..Config::default() };
    let world = World::new("upgrade", RATE, config).await;
    let rate: campaign::Rate = RATE.parse().unwrap();
    let id = world.draft(rate.permits_in(RUN)).await;
    let mut consumers =
        Fleet::start(&world, "consumer", &[Build::Previous, Build::Previous, Build::Previous]);
    let mut producers = Fleet::start(&world, "producer", &[Build::Previous, Build::Previous]);
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 0).await);
    let (begun, mut replaced) = (Instant::now(), 0);
    let left = "select count(*) from recipient where state in ('pending', 'retry')";
    while world.count(left).await > 0 {
        replaced += 1;
        let fleet = if replaced % 3 == 0 { &mut producers } else { &mut consumers };
        fleet.replace_one(&world).await;
        sleep_until(begun + EVERY * replaced).await;
        assert!(begun.elapsed() < RUN * 2, "the campaign does not end; {}", world.logs());
    }
    world.finished(&id).await;
    let arrivals = Arrivals::new(rate, world.ledger().arrivals());
    println!("{replaced} processes were replaced\n{HEAD}\n{RULE}\n{}", arrivals.row("3"));
    assert_eq!(arrivals.too_full(), Vec::<String>::new());
    Audit::of(&world).await.holds(0);
    assert_eq!(world.count("select count(*) from dead_letter").await, 0, "messages were given up");
    drop((consumers, producers));
    world.close().await;
}

async fn version(executable: &Path) -> String {
    let output = Command::new(executable).arg("--version").output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
