//! Rules for the source files of this crate.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found
                    .push((path.strip_prefix(&root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn unescaped_text_is_written_by_assets_and_charts_only() {
    let word = ["Pre", "Escaped"].concat();
    for (path, text) in sources() {
        // The description of the crate names the rule.
        let is_allowed = ["assets.rs", "chart.rs", "lib.rs"].iter().any(|name| path == Path::new(name));
        assert!(is_allowed || !text.contains(&word), "{}", path.display());
    }
}

#[test]
fn no_page_has_an_inline_style_or_an_inline_handler() {
    let forbidden =
        [["style", "="].concat(), ["on", "click"].concat(), ["hx", "-on"].concat(), ["js", ":"].concat()];
    for (path, text) in sources() {
        for word in &forbidden {
            assert!(!text.contains(word.as_str()), "{} contains {word}", path.display());
        }
    }
}
