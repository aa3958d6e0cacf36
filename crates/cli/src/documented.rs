//! Commands that documents, configuration files and messages name exist.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use regex::Regex;

use crate::args::Args;

/// Files of these kinds, below these folders of the repository.
const WHERE: [(&str, &str); 8] = [
    (".", "md"),
    (".", "yml"),
    ("docs", "md"),
    ("docs/adr", "md"),
    ("examples", "toml"),
    ("crates/cli/src", "rs"),
    ("crates/producer/src", "rs"),
    ("crates/store/src", "rs"),
];

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let of_kind = |(folder, kind): (&str, &str)| {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == kind)).collect::<Vec<_>>()
    };
    WHERE.into_iter().flat_map(of_kind).collect()
}

#[test]
fn every_command_that_is_named_somewhere_exists() {
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
