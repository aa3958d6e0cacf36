//! Progress of an import on standard error: a live bar on a terminal, otherwise plain lines.

use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use producer::Progress;
use tokio::time::Instant;

use crate::terminal::output::thousands;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The interval of lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{bar:40} {percent:>3} %  {msg}  {eta} left";

/// The progress display.
pub(crate) struct View {
    bar: Option<ProgressBar>,
    /// Size of the list.
    bytes: u64,
    /// Whether the list is uploaded to a server before it is imported.
    is_upload: bool,
    began: Instant,
}

impl View {
    /// A display for a list of this size.
    pub(crate) fn new(bytes: u64, is_upload: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(bytes).with_style(style)
        });
        Self { bar, bytes, is_upload, began: Instant::now() }
    }

    /// Shows the progress until the work is done.
    pub(crate) async fn show_until<T>(&self, progress: &Progress, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut next_line = self.began + LINE_EVERY;
        loop {
            tokio::select! {
                done = &mut work => {
                    if let Some(bar) = &self.bar {
                        bar.finish_and_clear();
                    }
                    return done;
                }
                () = tokio::time::sleep(LOOK_EVERY) => self.show(progress, &mut next_line),
            }
        }
    }

    fn show(&self, progress: &Progress, next_line: &mut Instant) {
        let (rows, bytes) = (progress.rows.load(Ordering::Relaxed), progress.bytes.load(Ordering::Relaxed));
        let what = if self.is_upload { "uploading" } else { "importing" };
        let message = match rows {
            0 if self.is_upload => "uploading".to_owned(),
            rows => message(rows, self.began.elapsed()),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(bytes.min(self.bytes));
                bar.set_message(message);
            }
            None if Instant::now() >= *next_line => {
                *next_line += LINE_EVERY;
                let percent = bytes.saturating_mul(100).checked_div(self.bytes).unwrap_or(0).min(100);
                drop(writeln!(std::io::stderr(), "{what}: {percent} % of the file, {message}"));
            }
            None => {}
        }
    }
}

/// Rows, and rows per second.
fn message(rows: u64, time: Duration) -> String {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let per_second =
        i64::try_from(u128::from(rows.unsigned_abs()) * 1000 / time.as_millis().max(1)).unwrap_or(i64::MAX);
    format!("{} rows, {}/s", thousands(rows), thousands(per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_their_speed_are_shown() {
        assert_eq!(message(120_000, Duration::from_secs(2)), "120,000 rows, 60,000/s");
        assert_eq!(message(0, Duration::ZERO), "0 rows, 0/s");
    }
}
