//! Allowed dependencies: of crates on libraries (`deny.toml`), of crates on crates of the workspace, and of folders in
//! a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use toml::Table;

/// The crates from the bottom layer to the top. A crate may use lower layers; tests may use `devstack` and higher
/// crates.
const LAYERS: [&[&str]; 6] = [
    &["campaign", "certificates", "failpoint", "flowcast-telemetry", "telemetry"],
    &["broker", "store", "whatsapp", "identity", "oidc", "listener", "simulator", "devstack"],
    &["producer", "consumer", "notifier"],
    &["control"],
    &["api", "client", "console", "server"],
    &["cli", "benches"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table(path: &Path) -> Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The members of the workspace, each with its manifest.
fn members() -> BTreeMap<String, Table> {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let manifests = folders.chain([root().join("benches")]).map(|folder| table(&folder.join("Cargo.toml")));
    manifests.map(|manifest| (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)).collect()
}

fn names(manifest: &Table, section: &str) -> BTreeSet<String> {
    manifest
        .get(section)
        .and_then(|found| found.as_table())
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn a_library_of_an_adapter_is_used_by_that_adapter_only() {
    let deny = table(&root().join("deny.toml"));
    let (members, mut looked_at) = (members(), 0);
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let wrappers: Vec<&str> =
            ban["wrappers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let library = ban["crate"].as_str().unwrap();
        for (member, manifest) in &members {
            let uses = ["dependencies", "dev-dependencies"]
                .iter()
                .any(|section| names(manifest, section).contains(library));
            assert!(
                !uses || wrappers.contains(&member.as_str()),
                "{member} uses {library}; deny.toml allows {wrappers:?}"
            );
            looked_at += usize::from(uses);
        }
    }
    assert!(looked_at > 3, "{looked_at}");
}

#[test]
fn crates_use_crates_of_lower_layers_only() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    for (member, manifest) in members() {
        let own = layer(&member).unwrap_or_else(|| panic!("{member} has no layer"));
        for used in names(&manifest, "dependencies") {
            let Some(below) = layer(&used) else { continue };
            assert!(below < own, "{member} uses {used}, which is not below it");
        }
    }
}

/// The folders and top-level files that each folder or top-level file uses.
fn arrows(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let used = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let within = path.strip_prefix(source).unwrap().with_extension("");
            let own = within.iter().next().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let names = used.captures_iter(code).map(|names| names[1].to_owned());
            let is_there =
                |name: &String| source.join(name).is_dir() || source.join(format!("{name}.rs")).is_file();
            let others = names.filter(|name| *name != own).filter(is_there);
            arrows.entry(own.clone()).or_default().extend(others);
        }
    }
    arrows.remove("lib");
    arrows.remove("main");
    arrows
}

/// Folders that depend on themselves, directly or through others.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reaches = |from: &String| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(name) = next.pop() {
            let used = arrows.get(&name).into_iter().flatten();
            next.extend(used.filter(|used| reached.insert((*used).clone())).cloned());
        }
        reached
    };
    arrows.keys().filter(|name| reaches(name).contains(*name)).cloned().collect()
}

#[test]
fn folders_of_a_crate_have_no_circular_dependencies() {
    for name in [
        "campaign",
        "cli",
        "console",
        "control",
        "identity",
        "notifier",
        "producer",
        "server",
        "simulator",
        "store",
        "whatsapp",
    ] {
        let found = circles(&arrows(&root().join("crates").join(name).join("src")));
        assert_eq!(found, Vec::<String>::new(), "crate {name}");
    }
}
