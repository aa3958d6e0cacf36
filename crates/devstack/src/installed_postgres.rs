//! A private PostgreSQL of the installed binaries.
//!
//! It is as durable as in production: `fsync` and `synchronous_commit` are on. Only shared memory differs: it is in
//! files of the data folder, so that nothing stays in `/dev/shm` after a kill.

use std::path::Path;

use url::Url;
use uuid::Uuid;

use crate::daemon::Daemon;
use crate::home::Home;
use crate::program::Program;
use crate::{Error, Places, Service, port};

const USER: &str = "flowcast";

/// Fast shutdown: open transactions are rolled back, and clients are disconnected.
const STOP_SIGNAL: &str = "INT";

/// Creates a database cluster and an instance for it that is not running yet, and returns both the instance and its
/// address; `None` if nothing is installed.
pub(crate) async fn prepare(settings: &[String], places: &Places) -> Result<Option<(Daemon, String)>, Error> {
    let Some(programs) = places.postgres_programs() else { return Ok(None) };
    let home = Home::new(Service::Postgres, places, "postgres")?;
    let password = Uuid::new_v4().simple().to_string();
    let password_file = home.write("password", &password)?;
    let data = home.folder.join("data");

    let initdb = Program::new(&programs.join("initdb"), &home.folder, home.user)
        .env("PATH", &places.path)
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--username", USER, "--no-sync", "--no-instructions"])
        .args(["--auth-local=trust", "--auth-host=password", "--pwfile"])
        .args([password_file.as_os_str()])
        .args(["--pgdata".as_ref(), data.as_os_str()]);
    initdb.output().await?;

    let port = port::free().map_err(Error::system("find a free port"))?;
    let url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres");
    Ok(Some((server(&programs, home, port, settings, places), url)))
}

/// Copies a running server, and returns a standby that is not running yet and follows it, with its address. The standby has this name in
/// `pg_stat_replication`. `None` if nothing is installed.
pub(crate) async fn prepare_standby(primary: &Url, name: &str) -> Result<Option<(Daemon, String)>, Error> {
    let places = Places::system();
    let Some(programs) = places.postgres_programs() else { return Ok(None) };
    let home = Home::new(Service::Postgres, &places, "postgres")?;
    let copy = Program::new(&programs.join("pg_basebackup"), &home.folder, home.user)
        .env("PATH", &places.path)
        .args(["--dbname", primary.as_str(), "--wal-method=stream", "--checkpoint=fast", "--no-sync"])
        .args(["--write-recovery-conf".as_ref(), "--pgdata".as_ref(), home.folder.join("data").as_os_str()]);
    copy.output().await?;
    let port = port::free().map_err(Error::system("find a free port"))?;
    let mut url = primary.clone();
    let invalid = |()| Error::Invalid { variable: Service::Postgres.variable(), reason: "it has no port" };
    url.set_port(Some(port)).map_err(invalid)?;
    let settings = [format!("cluster_name={name}")];
    Ok(Some((server(&programs, home, port, &settings, &places), url.into())))
}

/// A server for the data folder of a home.
fn server(programs: &Path, home: Home, port: u16, settings: &[String], places: &Places) -> Daemon {
    let data = home.folder.join("data");
    let ours = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", home.folder.display()),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
        "shared_buffers=256MB".to_owned(),
        "max_connections=200".to_owned(),
        "max_wal_size=4GB".to_owned(),
        "dynamic_shared_memory_type=mmap".to_owned(),
    ];
    let postgres = Program::new(&programs.join("postgres"), &home.folder, home.user)
        .env("PATH", &places.path)
        .args(["-D".as_ref(), data.as_os_str()])
        .args(ours.iter().chain(settings).flat_map(|setting| ["-c", setting.as_str()]));
    Daemon::new(home, None, postgres, STOP_SIGNAL)
}
