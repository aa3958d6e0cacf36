//! Checks that commands, files and tests named in documents, configuration files and messages exist.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use regex::Regex;

use crate::args::Args;

/// The extensions of the checked files, and their folders, including subfolders.
const WHERE: [(&str, &str); 5] =
    [(".", "yml"), (".", "md"), ("docs", "md"), ("examples", "toml"), ("crates", "rs")];

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for (folder, kind) in WHERE {
        find(&root.join(folder), kind, folder != ".", &mut found);
    }
    found
}

fn find(folder: &Path, kind: &str, is_deep: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && is_deep {
            find(&path, kind, true, found);
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
}

#[test]
fn every_link_of_a_document_to_a_file_leads_to_it() {
    let link = Regex::new(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)").unwrap();
    let (mut found, mut missing) = (0, Vec::new());
    for file in files().into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "md")) {
        let text = fs::read_to_string(&file).unwrap();
        for target in link.captures_iter(&text).map(|captures| captures[1].to_owned()) {
            // Addresses of the web are not looked up.
            if !target.contains(':') {
                found += 1;
                if !file.parent().unwrap().join(&target).exists() {
                    missing.push(format!("{}: {target}", file.display()));
                }
            }
        }
    }
    assert!(found > 100, "only {found} links were found");
    assert!(missing.is_empty(), "these links lead nowhere: {missing:#?}");
}

#[test]
fn every_command_that_is_named_exists() {
    let command = Args::command();
    let named = Regex::new(r"(?m)(?:^|[`'(|&] ?)flowcast ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?").unwrap();
    let (mut found, mut missing) = (0, Vec::new());
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        for names in named.captures_iter(&text) {
            found += 1;
            let exists = command.find_subcommand(&names[1]).is_some_and(|role| {
                let named = names.get(2).map(|second| second.as_str());
                !role.has_subcommands() || named.is_none_or(|second| role.find_subcommand(second).is_some())
            });
            if !exists {
                missing.push(format!("{}: {}", file.display(), &names[0]));
            }
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_file_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = "api|broker|campaign|certificates|cli|client|console|consumer|control|devstack|failpoint|identity|listener|notifier|oidc|producer|server|simulator|store|whatsapp";
    let pattern = format!(
        r"\b((?:crates/)?(?:{crates})/(?:src|tests)/[\w./-]+\.(?:rs|sql)|(?:scripts|docs|examples|deploy|benches)/[\w./-]+\.\w+)"
    );
    let named = Regex::new(&pattern).unwrap();
    let (mut found, mut missing) = (0, Vec::new());
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        for name in named.captures_iter(&text).map(|names| names[1].to_owned()) {
            // `NAME` stands for the name of a provider.
            if name.contains("NAME") {
                continue;
            }
            found += 1;
            let beside = file.parent().unwrap().join(&name);
            if ![root.join(&name), root.join("crates").join(&name), beside].iter().any(|path| path.exists()) {
                missing.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(missing, Vec::<String>::new());
}

/// The functions of the tests and unit tests by the name of their file.
fn functions() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut sources, mut functions) = (Vec::new(), Vec::new());
    find(&root.join("crates"), "rs", true, &mut sources);
    let name = Regex::new(r"\bfn ([a-z0-9_]+)").unwrap();
    for file in sources {
        let text = fs::read_to_string(&file).unwrap();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        functions.extend(name.captures_iter(&text).map(|names| (stem.clone(), names[1].to_owned())));
    }
    functions
}

/// docs/FAULTS.md and docs/HA.md name tests as `crate module::the_beginning_of_the_name…`, or with parts left out in between.
#[test]
fn every_test_that_the_pages_of_faults_name_exists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text: String =
        ["FAULTS.md", "HA.md"].map(|page| fs::read_to_string(docs.join(page)).unwrap()).concat();
    let named = Regex::new(r"`(?:[a-z]+ )?(?:[a-z_]+::)*([a-z_]+)::([a-z0-9_…]*)`").unwrap();
    let (functions, mut found, mut missing) = (functions(), 0, Vec::new());
    for names in named.captures_iter(&text) {
        found += 1;
        let parts: Vec<&str> = names[2].split('…').collect();
        let is_meant = |(file, name): &&(String, String)| {
            *file == names[1] && parts.iter().all(|part| name.contains(part))
        };
        if !functions.iter().any(|function| is_meant(&function)) {
            missing.push(names[0].to_owned());
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(missing, Vec::<String>::new());
}
