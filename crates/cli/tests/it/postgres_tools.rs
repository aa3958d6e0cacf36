//! PostgreSQL's own programs, as operators run them.

use std::process::{Output, Stdio};

use tokio::process::Command;

/// The image of which `devstack` starts PostgreSQL.
const IMAGE: &str = "postgres:17";

/// Runs a program to its end; it must succeed. If PostgreSQL is a container, this machine may not have the program, or only an older one.
/// Then a container runs it, with the temporary folder.
pub(crate) async fn run(program: &str, arguments: &[&str]) {
    let says = match output(program, arguments).await {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let is_older = says.contains("server version mismatch") || says.contains("unsupported version");
    let is_missing = says.contains("No such file");
    assert!(is_older || is_missing, "{program}: {says}");
    let folder = std::env::temp_dir().display().to_string();
    let (volume, user) =
        (format!("{folder}:{folder}"), format!("{}:{}", nix::unistd::getuid(), nix::unistd::getgid()));
    let container =
        ["run", "--rm", "--network", "host", "--user", &user, "--volume", &volume, IMAGE, program];
    let output = output("docker", &[&container, arguments].concat()).await.unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {says}; in a container: {wrong}");
}

async fn output(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().await
}
