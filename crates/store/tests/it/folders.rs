//! The folders of this crate: which uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The names in backticks of a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// One source file: its folder, its name and its text.
struct Source {
    folder: String,
    file: String,
    text: String,
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The folders in the order of `lib.rs`, and all files in them.
fn sources() -> (Vec<String>, Vec<Source>) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = text(&src.join("lib.rs"));
    let listed = lib.lines().filter_map(|line| line.strip_prefix("//! - `"));
    let order: Vec<String> = listed.filter_map(|line| Some(line.split_once("`:")?.0.to_owned())).collect();
    let mut files = Vec::new();
    for folder in &order {
        for entry in fs::read_dir(src.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.file_stem().unwrap().to_string_lossy().into_owned();
                files.push(Source { folder: folder.clone(), file, text: text(&path) });
            }
        }
    }
    (order, files)
}

/// The functions that a file defines in an `impl` block and others can call.
fn methods(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.strip_prefix("    pub")?;
        let (_, after) = line.split_once("fn ")?;
        after.split(['(', '<']).next()
    })
}

/// The folder and file that each `crate::folder::file` of a text names.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("crate::").skip(1).filter_map(|after| {
        let mut path = after.split(|c: char| !c.is_alphanumeric() && c != '_');
        let folder = path.next()?;
        (path.next() == Some("")).then_some(())?;
        Some((folder, path.next()?))
    })
}

/// The files that each file uses, by path or as a method of `Store`.
fn uses(files: &[Source]) -> BTreeMap<(&str, &str), BTreeSet<(&str, &str)>> {
    let mut owners: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for Source { folder, file, text } in files {
        for method in methods(text) {
            owners.entry(method).or_default().insert((folder, file));
        }
    }
    let known: BTreeSet<(&str, &str)> = files.iter().map(|source| (&*source.folder, &*source.file)).collect();
    files
        .iter()
        .map(|source| {
            let of = (&*source.folder, &*source.file);
            let mut used: BTreeSet<(&str, &str)> =
                named(&source.text).filter(|used| known.contains(used)).collect();
            for receiver in ["self.", "Self::", "Store::"] {
                let calls = source.text.split(receiver).skip(1);
                let called = calls.filter_map(|after| Some(after.split_once('(')?.0));
                for owners in called.filter_map(|method| owners.get(method)) {
                    // A name that several files define is a name of their own types.
                    if owners.len() == 1 {
                        used.extend(owners);
                    }
                }
            }
            used.remove(&of);
            (of, used)
        })
        .collect()
}

#[test]
fn a_folder_uses_only_folders_before_it() {
    let (order, files) = sources();
    assert_eq!(order.len(), 13, "{order:?}");
    assert!(files.len() > 50, "{} files", files.len());
    let place = |folder: &str| order.iter().position(|other| other == folder);
    let mut upward = Vec::new();
    for ((folder, file), used) in uses(&files) {
        for (other, of) in used {
            if place(other) > place(folder) {
                upward.push(format!("{folder}/{file} uses {other}/{of}"));
            }
        }
    }
    assert!(upward.is_empty(), "a folder uses a folder after it:\n{}", upward.join("\n"));
}

#[test]
fn the_documentation_of_a_folder_names_the_folders_that_it_uses() {
    let (order, files) = sources();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for ((folder, _), others) in uses(&files) {
        let others = others.into_iter().map(|(other, _)| other).filter(|other| *other != folder);
        used.entry(folder).or_default().extend(others);
    }
    for folder in &order {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(format!("{folder}.rs"));
        let root = text(&path);
        let line = root.lines().find_map(|line| line.strip_prefix("//! Uses ")).unwrap_or_default();
        let documented: BTreeSet<&str> = names(line).collect();
        assert_eq!(documented, used[&**folder], "src/{folder}.rs does not name the folders that it uses");
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let (_, files) = sources();
    let mut left = uses(&files);
    // Takes away what uses nothing that is left, until nothing can be taken away.
    loop {
        let free: Vec<_> = left
            .iter()
            .filter(|(_, used)| used.iter().all(|of| !left.contains_key(of)))
            .map(|(of, _)| *of)
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|of, _| !free.contains(of));
    }
    assert!(left.is_empty(), "files use each other in a circle: {left:?}");
}
