//! Postgres without room: the tables of a campaign on a small file system of their own, which fills up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use devstack::Stack;
use simulator::{Config, Latency};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};

use crate::audit::Audit;
use crate::world::{PATIENCE, World};

const RECIPIENTS: u32 = 6_000;
const SIZE: &str = "size=64m";
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 60\nbatch = 20\nlease = \"14s\"\n";

/// A file system in memory; unmounted when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts it, for the user of Postgres to write to.
    fn mount(owner: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("flowcast-disk-").tempdir_in("/tmp").unwrap();
        let options = format!("{SIZE},mode=0700,uid={owner}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        assert!(
            mounted.unwrap().success(),
            "a small file system can be mounted by root only; run make faults as root"
        );
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left, and gives the file that has it.
    fn fill(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        // It ends with "no space left", as it should.
        let filled = Command::new("dd")
            .args(["if=/dev/zero", "bs=8k", "status=none"])
            .arg(format!("of={}", ballast.display()))
            .status();
        assert!(!filled.unwrap().success());
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: Postgres may still have files of it open. An error leaves it mounted until the machine restarts.
        drop(Command::new("umount").arg("--lazy").arg(self.folder.path()).status());
    }
}

/// The user that Postgres runs as.
async fn owner(world: &World) -> String {
    let folder: String = world.look.query_one("show data_directory", &[]).await.unwrap().get(0);
    let output = Command::new("stat").args(["--format=%u", &folder]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_without_a_record_while_the_disk_of_postgres_is_full() {
    let stack = Stack::private_installed().await.unwrap();
    let config = Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() };
    let mut world = World::on(&stack, "disk", "200/s,burst=10", config).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let disk = SmallDisk::mount(&owner(&world).await);
    let space = format!("create tablespace small location '{}'", disk.path().display());
    world.look.batch_execute(&space).await.unwrap();
    for table in ["recipient", "attempt"] {
        world.look.batch_execute(&format!("alter table {table}_c{id} set tablespace small")).await.unwrap();
    }
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 200).await);
    let ballast = disk.fill();
    let full = async {
        while !world.logs().contains("its disk is full") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, full).await.expect("somebody notices");
    // Longer than a lease: what was sent and cannot be recorded must not be sent again.
    sleep_until(Instant::now() + Duration::from_secs(20)).await;
    let requests = world.ledger().summary().requests;
    sleep_until(Instant::now() + Duration::from_secs(5)).await;
    let later = world.ledger().summary().requests;
    println!("{requests} requests when the disk was full, of {RECIPIENTS} recipients");
    assert_eq!(later, requests, "requests leave that nobody can record");
    std::fs::remove_file(ballast).unwrap();
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}
