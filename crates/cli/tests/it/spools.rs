//! The temporary folder: nothing of a list stays in it, and a folder that takes no list is named, with the reason.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use nix::unistd::Pid;
use simulator::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};

use crate::receiving::{Receiving, request};
use crate::world::{PATIENCE, World};

const FOLDER: &str = "FLOWCAST_LISTS_TEMPORARY_FOLDER";
const LIMIT: &str = "FLOWCAST_LISTS_MAX_TEMPORARY_BYTES";
const KEY: &str = "upload-key-7702";
const UPLOADS: [(&str, &str); 2] =
    [("FLOWCAST_SERVER_UPLOAD_KEY", "env:TEST_UPLOAD_KEY"), ("TEST_UPLOAD_KEY", KEY)];
const LIST: &str = "phone,first_name\n254712000001,Name1\n254712000001,Name1\n";
/// The bytes of `LIST`, and less than those of its annotated list.
const LENGTH: &str = "55";

fn authorization() -> (&'static str, &'static str) {
    ("authorization", "Bearer upload-key-7702")
}

/// Runs a command with this environment and the list, twice, as its standard input; exit code, standard output and error.
async fn piped(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = world.command(arguments);
    command.envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses to keep the list reads none of it.
    drop(child.stdin.take().unwrap().write_all(LIST.repeat(2).as_bytes()).await);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The permissions and the length of the open files of a process in this folder.
fn open_files(process: Pid, folder: &Path) -> Vec<(u32, u64)> {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    // A file may be closed at any moment.
    let files = descriptors.filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_in_folder = std::fs::read_link(&path).ok()?.starts_with(folder);
        let found = std::fs::metadata(&path).ok().filter(|_| is_in_folder)?;
        Some((found.permissions().mode() & 0o777, found.len()))
    });
    files.collect()
}

fn names_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Begins to post a list that is longer than what is sent of it.
async fn half_an_upload(at: SocketAddr, to: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let (name, value) = authorization();
    let head =
        format!("POST {to} HTTP/1.1\r\nhost: test\r\n{name}: {value}\r\ncontent-length: 1000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(LIST.repeat(1_000).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn an_upload_under_way_has_no_name_in_the_temporary_folder_and_is_gone_with_a_killed_server() {
    let mut world = World::new("spool_kill", "none", Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let setting = [(FOLDER, folder.path().to_str().unwrap())];
    let receiving = Receiving::start(&mut world, &[&UPLOADS[..], &setting].concat()).await;
    let id = world.draft(0).await;
    let to = format!("/campaigns/{id}/lists");
    let _upload = half_an_upload(receiving.at, &to).await;
    let deadline = Instant::now() + PATIENCE;
    let spooled = loop {
        let found = open_files(receiving.server.id(), folder.path());
        if let Some(spooled) = found.iter().find(|(_, bytes)| *bytes > 0) {
            break *spooled;
        }
        assert!(
            Instant::now() < deadline,
            "the upload is not spooled in the folder: {found:?}; {}",
            world.logs()
        );
        sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(spooled.0, 0o600);
    assert_eq!(names_in(folder.path()), 0, "an upload can be seen by its name");
    receiving.server.kill().await;
    assert_eq!(names_in(folder.path()), 0, "a killed server left a list behind");

    // What is answered is no more to be found either, and other files of the folder are left alone.
    std::fs::write(folder.path().join("of-another-process"), "x").unwrap();
    let receiving = Receiving::start(&mut world, &[&UPLOADS[..], &setting].concat()).await;
    let headers = [authorization(), ("accept", "text/csv")];
    let (status, list) = request(receiving.at, ("POST", &to), &headers, LIST.as_bytes()).await.unwrap();
    assert!(status == 200 && list.contains("phone,first_name,error"), "{status} {list}");
    assert_eq!(names_in(folder.path()), 1);
    assert_eq!(open_files(receiving.server.id(), folder.path()), []);
    assert_eq!(world.count("select count(*) from recipient").await, 1);
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_temporary_folder_that_takes_no_list_is_named_with_the_reason_and_nothing_is_imported() {
    let mut world = World::new("spool_refused", "none", Config::default()).await;
    let id = world.draft(0).await;
    let file = world.file("a_file", "x");
    let missing = format!("{file}s");
    let import = ["campaign", "import", &id, "-"];
    for (setting, reason) in [
        (
            (FOLDER, missing.as_str()),
            format!("folder {missing}: No such file or directory (os error 2); create the folder"),
        ),
        ((FOLDER, file.as_str()), format!("folder {file}: Not a directory (os error 20); create the folder")),
        ((LIMIT, LENGTH), format!("the list needs more than {LENGTH} bytes of the temporary folder /")),
    ] {
        for command in [&import[..], &["suppression", "import", "-"]] {
            let (code, _, said) = piped(&world, command, &[setting]).await;
            assert!(said.contains(&reason), "{command:?} said: {said}");
            assert!(
                said.starts_with("flowcast: -: ") && said.trim_end().ends_with("; nothing was imported"),
                "{said}"
            );
            assert_eq!(code, 4);
        }
        // A server needs the folder for uploads alone. It starts, says what is wrong, and refuses uploads with the same sentence.
        let longest = ("FLOWCAST_SERVER_MAX_UPLOAD_BYTES", LENGTH);
        let receiving = Receiving::start(&mut world, &[&UPLOADS[..], &[setting, longest]].concat()).await;
        let path = format!("/campaigns/{id}/lists");
        let headers = [authorization(), ("accept", "text/csv")];
        let (status, body) = request(receiving.at, ("POST", &path), &headers, LIST.as_bytes()).await.unwrap();
        let said: serde_json::Value = serde_json::from_str(&body).unwrap();
        let said = said["error"].as_str().unwrap();
        assert!(status == 507 && said.contains(&reason), "{status} {said}");
        assert!(said.ends_with("; nothing was imported"), "{said}");
        let logged =
            format!("lists cannot be uploaded: cannot write to the temporary folder {}: ", setting.1);
        assert_eq!(world.logs().contains(&logged), setting.0 == FOLDER);
        assert!(receiving.server.stop().await.success());
    }
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    assert_eq!(world.count("select count(*) from import").await, 0);
    assert_eq!(world.count("select count(*) from suppression").await, 0);
    let (code, _, said) = piped(&world, &import, &[]).await;
    assert_eq!((code, world.count("select count(*) from recipient").await), (0, 1), "{said}");
    world.close().await;
}

#[tokio::test]
async fn check_config_tells_of_a_temporary_folder_that_is_missing_or_smaller_than_the_longest_upload() {
    let world = World::new("spool_check", "none", Config::default()).await;
    let check = async |environment: &[(&str, &str)]| piped(&world, &["check-config"], environment).await;
    let (code, _, said) = check(&[(FOLDER, "/no/such/folder")]).await;
    let expected =
        "flowcast: cannot write to the temporary folder /no/such/folder: No such file or directory";
    assert!(code == 4 && said.starts_with(expected) && said.contains(FOLDER), "{said}");
    // More than any disk has.
    let longest = i64::MAX.to_string();
    let large = [("FLOWCAST_SERVER_MAX_UPLOAD_BYTES", &*longest), (LIMIT, &*longest)];
    let (code, said, _) = check(&large).await;
    assert!(
        code == 0 && said == "configuration, temporary folder, Postgres and RabbitMQ are fine\n",
        "{said}"
    );
    let (code, _, said) = check(&[&UPLOADS[..], &large].concat()).await;
    let expected =
        format!("bytes free, and an uploaded list may have {longest}; free space there, name a folder");
    assert!(code == 4 && said.contains(&expected), "{said}");
    world.close().await;
}
