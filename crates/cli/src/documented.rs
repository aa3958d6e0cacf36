//! Checks that commands named in documents, configuration files and messages exist.

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
