//! Searches for the installed services and the Docker engine.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The places to search, so that a test can use others.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folders with programs, as in `PATH`.
    pub path: OsString,
    /// The folder with one folder per PostgreSQL version, each with a `bin`.
    pub postgres_root: PathBuf,
    /// The folder of the RabbitMQ package.
    pub rabbitmq_root: PathBuf,
    /// The list of users. As root the services run as `rabbitmq` and `postgres`.
    pub passwd: PathBuf,
    /// Whether to look for a Docker engine.
    pub containers: bool,
}

impl Places {
    /// The usual places of this machine.
    pub fn system() -> Self {
        Self {
            path: env::var_os("PATH").unwrap_or_default(),
            postgres_root: "/usr/lib/postgresql".into(),
            rabbitmq_root: "/usr/lib/rabbitmq".into(),
            passwd: "/etc/passwd".into(),
            containers: true,
        }
    }

    /// A program in the folders of `path`.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        env::split_paths(&self.path).map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    /// The folder with the programs of the newest installed PostgreSQL.
    pub(crate) fn postgres_programs(&self) -> Option<PathBuf> {
        let versions = newest_first(&self.postgres_root, "").into_iter().map(|version| version.join("bin"));
        let on_path = self.program("postgres").and_then(|file| fs::canonicalize(file).ok());
        versions
            .chain(on_path.and_then(|file| file.parent().map(Path::to_owned)))
            .find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
    }

    /// The folder with `rabbitmq-server` and `rabbitmqctl` themselves, not the wrappers that Debian puts on the `PATH`.
    pub(crate) fn rabbitmq_programs(&self) -> Option<PathBuf> {
        let packaged = [self.rabbitmq_root.join("bin")].into_iter();
        let versions = newest_first(&self.rabbitmq_root.join("lib"), "rabbitmq_server-").into_iter();
        let on_path = self.program("rabbitmq-server").and_then(|file| fs::canonicalize(file).ok());
        packaged
            .chain(versions.map(|version| version.join("sbin")))
            .chain(on_path.and_then(|file| file.parent().map(Path::to_owned)))
            .find(|bin| {
                ["rabbitmq-server", "rabbitmqctl", "rabbitmq-env"].iter().all(|name| bin.join(name).is_file())
            })
    }

    /// The user with this name.
    pub(crate) fn user(&self, name: &str) -> Option<User> {
        let list = fs::read_to_string(&self.passwd).ok()?;
        let fields = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
        fields.into_iter().find_map(|fields| match fields.as_slice() {
            [found, _, uid, gid, ..] if *found == name => {
                Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            }
            _ => None,
        })
    }
}

/// A user that a service runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The subfolders named `prefix` and a version, highest version first.
fn newest_first(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            let numbers = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
            Some((numbers, entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), "").unwrap();
    }

    fn places(root: &Path) -> Places {
        Places {
            path: root.join("bin").into(),
            postgres_root: root.join("postgresql"),
            rabbitmq_root: root.join("rabbitmq"),
            passwd: root.join("passwd"),
            containers: false,
        }
    }

    #[test]
    fn the_newest_postgres_is_chosen_by_number_not_alphabetically() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17", "not-a-version"] {
            let bin = root.path().join("postgresql").join(version).join("bin");
            program(&bin, "postgres");
            program(&bin, "initdb");
        }
        let found = places(root.path()).postgres_programs().unwrap();
        assert_eq!(found, root.path().join("postgresql/17/bin"));
    }

    #[test]
    fn a_wrapper_on_the_path_is_not_used_as_a_rabbitmq_program() {
        let root = tempfile::tempdir().unwrap();
        program(&root.path().join("bin"), "rabbitmq-server");
        assert_eq!(places(root.path()).rabbitmq_programs(), None);

        let sbin = root.path().join("rabbitmq/lib/rabbitmq_server-3.10.8/sbin");
        for name in ["rabbitmq-server", "rabbitmqctl", "rabbitmq-env"] {
            program(&sbin, name);
        }
        assert_eq!(places(root.path()).rabbitmq_programs(), Some(sbin));
    }

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("passwd"), "postgres2:x:7:7::/:\npostgres:x:101:104::/var:/bin/sh\n")
            .unwrap();
        assert_eq!(places(root.path()).user("postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(places(root.path()).user("rabbitmq"), None);
    }
}
