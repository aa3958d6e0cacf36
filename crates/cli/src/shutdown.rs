//! Being told to stop: SIGTERM or Ctrl-C once to drain, twice to stop at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a stop that did not wait for the drain, as a shell would give for SIGTERM.
const CUT_SHORT: i32 = 143;

/// A token that is cancelled by the first signal. The second one ends the process.
pub(crate) fn on_signal() -> std::io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        wait(&mut terminate, &mut interrupt).await;
        tracing::info!("told to stop: ending what is under way; a second signal stops at once");
        told.cancel();
        wait(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped at once; whoever was being sent to waits for the end of the lease");
        #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
        std::process::exit(CUT_SHORT);
    });
    Ok(shutdown)
}

async fn wait(terminate: &mut tokio::signal::unix::Signal, interrupt: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
