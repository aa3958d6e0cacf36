//! The commit that the program is built from. The build script uses this file; the program has only its tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that `git archive` fills in, as .gitattributes says.
const OF_ARCHIVE: &str = "crates/cli/commit.txt";
/// The commit of a build that cannot find it.
const UNKNOWN: &str = "unknown";
/// The commit of a build for development. If it were the commit, each commit would build `cli` again.
const DEBUG: &str = "debug";
/// Digits of a commit that are shown.
const SHOWN: usize = 12;

/// A commit, and the files that change with it.
pub(crate) struct Commit {
    pub(crate) name: String,
    pub(crate) watched: Vec<PathBuf>,
}

/// The commit of the sources in `root`: the one that the environment sets, else the one of the source archive, else `debug` for a build
/// for development, else the one of the git repository.
pub(crate) fn find(set: Option<String>, is_debug: bool, root: &Path) -> Commit {
    let archive = root.join(OF_ARCHIVE);
    let of_archive = std::fs::read_to_string(&archive).ok().filter(|text| !text.starts_with("$Format"));
    let mut watched = vec![archive, root.join("crates/cli/src/build_commit.rs")];
    let found = set.or(of_archive).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let name = match found {
        Some(name) => name,
        None if is_debug => DEBUG.to_owned(),
        None => {
            watched.extend(["HEAD", "logs/HEAD"].iter().filter_map(|file| path(root, file)));
            of_repository(root).unwrap_or_else(|| UNKNOWN.to_owned())
        }
    };
    Commit { name: name.chars().take(SHOWN).collect(), watched }
}

/// The commit of the repository in `root`. A repository in a folder above is another project.
fn of_repository(root: &Path) -> Option<String> {
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    git(root, &["rev-parse", "HEAD"])
}

/// A file of the repository that changes with the commit, if it exists: Cargo repeats a build script whose file is missing each time.
fn path(root: &Path, file: &str) -> Option<PathBuf> {
    let path = root.join(git(root, &["rev-parse", "--git-path", file])?);
    path.exists().then_some(path)
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn sources(archive: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(OF_ARCHIVE);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, archive).unwrap();
        root
    }

    fn make_repository(root: &Path) -> String {
        let me = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
        git(root, &["init", "--quiet"]);
        git(root, &[&me[..], &["commit", "--quiet", "--allow-empty", "--message", "x"]].concat());
        git(root, &["rev-parse", "HEAD"]).unwrap()
    }

    #[test]
    fn the_environment_is_first_and_the_archive_second() {
        let root = sources(&format!("{HASH}\n"));
        assert_eq!(find(Some("v0.2.0".into()), false, root.path()).name, "v0.2.0");
        assert_eq!(find(Some(String::new()), false, sources("").path()).name, UNKNOWN);
        assert_eq!(find(None, false, root.path()).name, "0123456789ab");
        assert_eq!(find(None, true, root.path()).name, "0123456789ab");
    }

    #[test]
    fn a_release_asks_its_own_repository_and_a_debug_build_none() {
        let root = sources("$Format:%H$\n");
        assert_eq!(find(None, false, root.path()).name, UNKNOWN);
        let hash = make_repository(root.path());
        let found = find(None, false, root.path());
        assert!(hash.starts_with(&found.name) && found.name.len() == SHOWN, "{}", found.name);
        assert!(found.watched.iter().any(|file| file.ends_with("logs/HEAD")), "{:?}", found.watched);
        assert!(found.watched.iter().all(|file| file.exists() || file.ends_with("build_commit.rs")));
        let debug = find(None, true, root.path());
        assert_eq!(debug.name, DEBUG);
        assert!(!debug.watched.iter().any(|file| file.ends_with("HEAD")), "{:?}", debug.watched);
    }

    #[test]
    fn the_repository_around_a_source_archive_is_another_project() {
        let outer = tempfile::tempdir().unwrap();
        make_repository(outer.path());
        let inner = outer.path().join("flowcast");
        std::fs::create_dir(&inner).unwrap();
        assert_eq!(find(None, false, &inner).name, UNKNOWN);
    }

    #[test]
    fn git_archive_writes_the_commit_into_the_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let attributes = std::fs::read_to_string(root.join(".gitattributes")).unwrap();
        assert!(attributes.lines().any(|line| line == format!("{OF_ARCHIVE} export-subst")), "{attributes}");
        assert!(std::fs::read_to_string(root.join(OF_ARCHIVE)).is_ok());
    }
}
