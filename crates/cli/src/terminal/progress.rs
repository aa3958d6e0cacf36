//! Progress of a campaign: a live bar on a terminal, otherwise plain lines.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use store::CampaignReport;
use tokio::time::Instant;

use crate::terminal::output::{line, thousands};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The interval of lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(1);
const BAR: &str = "{bar:40} {human_pos}/{human_len}  {msg}";

/// A progress bar for this number of steps; hidden if standard error is not a terminal.
pub(crate) fn of_steps(steps: usize, of_what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(u64::try_from(steps).unwrap_or(0)).with_style(style).with_message(of_what)
}

/// Shows the reports of a campaign until it is finished or cancelled, also while it is paused.
pub(crate) async fn watch(
    report: impl AsyncFn() -> Result<CampaignReport, control::Error>,
) -> anyhow::Result<()> {
    let mut view = View::new(std::io::stderr().is_terminal());
    loop {
        let report = report().await?;
        view.show(&report);
        if matches!(report.state.as_str(), "finished" | "cancelled") {
            view.end();
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The progress display.
struct View {
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    seen: Option<(Instant, i64)>,
    per_second: f64,
}

impl View {
    fn new(is_terminal: bool) -> Self {
        let bar = is_terminal.then(|| {
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        Self { bar, last_line: None, seen: None, per_second: 0.0 }
    }

    fn show(&mut self, report: &CampaignReport) {
        let all = report.recipients();
        let left = report.pending + report.sending + report.retry;
        let done = all - left;
        self.measure(done);
        let message = format!("{:.0}/s  {}  {}", self.per_second, self.time_left(left), report.state);
        if let Some(bar) = &self.bar {
            bar.set_length(u64::try_from(all).unwrap_or(0));
            bar.set_position(u64::try_from(done).unwrap_or(0));
            bar.set_message(message);
            return;
        }
        let now = Instant::now();
        if left == 0 || self.last_line.is_none_or(|at| now - at >= LINE_EVERY) {
            self.last_line = Some(now);
            line(format!("{} of {}  {message}", thousands(done), thousands(all)));
        }
    }

    /// The rate since the last measurement, smoothed over several.
    fn measure(&mut self, done: i64) {
        let now = Instant::now();
        if let Some((at, before)) = self.seen {
            let seconds = (now - at).as_secs_f64();
            if seconds < 0.1 {
                return;
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
            let rate = (done - before) as f64 / seconds;
            self.per_second = if self.per_second == 0.0 { rate } else { 0.6 * self.per_second + 0.4 * rate };
        }
        self.seen = Some((now, done));
    }

    fn time_left(&self, left: i64) -> String {
        if left == 0 {
            return "done".into();
        }
        if self.per_second < 0.1 {
            return "waiting".into();
        }
        #[expect(clippy::cast_precision_loss, reason = "a time for people to read")]
        let seconds = left as f64 / self.per_second;
        let time = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX);
        format!("{} left", humantime::format_duration(time))
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
