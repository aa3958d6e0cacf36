//! Ctrl-C during a command that uses the API: the server may go on with what the command has asked for.

use client::Client;

use crate::terminal::output::complain;

/// Exit code after Ctrl-C, as a shell gives for SIGINT.
const INTERRUPTED: i32 = 130;

/// Prints what goes on at the server when the user presses Ctrl-C, and ends the process.
pub(crate) fn explain(client: Client) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        if let Some(sentence) = client.ongoing() {
            complain(format!("\nflowcast: interrupted; {sentence}\n"));
        }
        #[expect(clippy::exit, reason = "the user asks for exactly this")]
        std::process::exit(INTERRUPTED);
    });
}
