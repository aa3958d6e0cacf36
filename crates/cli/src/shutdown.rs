//! Shutdown by SIGTERM or Ctrl-C: the first signal drains, the second one stops at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code after a stop without draining, as a shell gives for SIGTERM.
const CUT_SHORT: i32 = 143;

/// A token that the first signal cancels. The second signal ends the process.
pub(crate) fn on_signal() -> std::io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        wait(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: work in flight is finished first; a second signal stops at once");
        token.cancel();
        wait(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped without draining; recipients in flight wait for the end of their lease");
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
