//! Without room: the tables of a campaign, or the temporary folder, on a small file system of their own, which fills up.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use devstack::Stack;
use simulator::{Config, Latency};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until};

use crate::audit::Audit;
use crate::receiving::{Receiving, request};
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
    /// Mounts it, for this user to write to.
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
        world.look.batch_execute(&format!("alter table {table}_v0 set tablespace small")).await.unwrap();
    }
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 200).await);
    let ballast = disk.fill();
    let full = async {
        while !world.logs().contains("its disk is full") {
            tokio::time::sleep(Duration::from_millis(20)).await;
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

/// What is left free of the temporary folder.
const FREE: u64 = 1024 * 1024;

/// A list of so many rows of 20 bytes.
fn list(rows: u64) -> String {
    let rows = (0..rows).map(|n| format!("{},Name00\n", 254_712_000_000 + n));
    std::iter::once("phone,first_name\n".to_owned()).chain(rows).collect()
}

#[tokio::test]
async fn a_full_temporary_folder_refuses_a_list_names_itself_and_is_as_empty_as_before() {
    let mut world = World::new("full_folder", "none", Config::default()).await;
    let id = world.draft(0).await;
    let disk = SmallDisk::mount(&std::fs::metadata("/proc/self").unwrap().uid().to_string());
    let folder = ("FLOWCAST_LISTS_TEMPORARY_FOLDER", disk.path().to_str().unwrap());
    let key = [("FLOWCAST_SERVER_UPLOAD_KEY", "env:TEST_UPLOAD_KEY"), ("TEST_UPLOAD_KEY", "upload-key-7702")];
    let receiving = Receiving::start(&mut world, &[&key[..], &[folder]].concat()).await;
    let ballast = std::fs::File::options().write(true).open(disk.fill()).unwrap();
    ballast.set_len(ballast.metadata().unwrap().len() - FREE).unwrap();

    let path = format!("/campaigns/{id}/lists");
    let post = async |list: &str, accept: &str| {
        let headers = [("authorization", "Bearer upload-key-7702"), ("accept", accept)];
        request(receiving.at, ("POST", &path), &headers, list.as_bytes()).await.unwrap()
    };
    let reason = format!(
        "cannot write to the temporary folder {}: No space left on device (os error 28); free space there, or name a folder",
        disk.path().display()
    );
    // Too long itself, or with its annotated list; twice, to find out whether the space is given back.
    for (rows, accept) in [(200_000, "*/*"), (35_000, "text/csv"), (200_000, "*/*"), (35_000, "text/csv")] {
        let (status, said) = post(&list(rows), accept).await;
        assert!(
            status == 507 && said.contains(&reason) && said.contains("nothing was imported"),
            "{status} {said}"
        );
    }
    let mut import = world.command(&["campaign", "import", &id, "-"]);
    let mut import = import.envs([folder]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(import.stdin.take().unwrap().write_all(list(200_000).as_bytes()).await);
    let import = import.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(import.status.code() == Some(4) && said.contains(&reason), "{said}");
    let checked = world.command(&["check-config"]).envs(key).envs([folder]).output().await.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(said.contains(&format!("{} has {FREE} bytes free", disk.path().display())), "{said}");
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    assert_eq!(world.count("select count(*) from import").await, 0);
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 1);

    // Nothing of it hinders the next one.
    let (status, said) = post(&list(10_000), "text/csv").await;
    assert!(status == 200 && said.contains("phone,first_name,error\n"), "{status}");
    assert_eq!(world.count("select count(*) from recipient").await, 10_000);
    assert!(receiving.server.stop().await.success());
    world.close().await;
}
