//! PostgreSQL's own programs, as operators run them.

use std::process::Stdio;

use tokio::process::Command;

/// Runs a program to its end; it must succeed.
pub(crate) async fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
