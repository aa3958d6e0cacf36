//! Gives the program the commit that it is built from, as `FLOWCAST_COMMIT`.

use std::path::Path;

#[path = "src/build_commit.rs"]
mod build_commit;

fn main() {
    let set = std::env::var("FLOWCAST_COMMIT").ok();
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let commit = build_commit::find(set, is_debug, &root);
    println!("cargo:rustc-env=FLOWCAST_COMMIT={}", commit.name);
    println!("cargo:rerun-if-env-changed=FLOWCAST_COMMIT");
    for file in commit.watched {
        println!("cargo:rerun-if-changed={}", file.display());
    }
}
