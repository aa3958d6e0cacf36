//! Progress bars: how far a campaign is.

use control::CampaignReport;
use maud::{Markup, html};

use crate::words::number::{percent, thousands};

/// How many recipients are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The provider accepted the message.
    pub(crate) accepted: i64,
    /// The message was refused.
    pub(crate) failed: i64,
    /// The message may have been accepted.
    pub(crate) unconfirmed: i64,
    /// Nothing is sent to them: skipped, expired, canceled.
    pub(crate) other: i64,
    /// All.
    pub(crate) total: i64,
}

/// The width of the drawing.
const WIDTH: i64 = 1_000;

impl Progress {
    /// The progress of a campaign.
    pub(crate) fn of(report: &CampaignReport) -> Self {
        Self {
            accepted: report.accepted,
            failed: report.failed,
            unconfirmed: report.unknown,
            other: report.skipped + report.expired + report.cancelled,
            total: report.recipients(),
        }
    }

    /// Draws the bar.
    pub(crate) fn draw(self) -> Markup {
        let parts = [
            ("accepted", self.accepted),
            ("failed", self.failed),
            ("unconfirmed", self.unconfirmed),
            ("other", self.other),
        ];
        let mut left = 0;
        let rectangles = parts.map(|(class, n)| {
            let width = self.width(n).min(WIDTH - left);
            let drawn = (class, left, width);
            left += width;
            drawn
        });
        html! {
            svg class="bar" viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" role="img" aria-label=(self.label()) {
                @for (class, x, width) in rectangles.into_iter().filter(|(_, _, width)| *width > 0) {
                    rect class=(class) x=(x) width=(width) height="10" {}
                }
            }
        }
    }

    /// A part that is not empty is visible.
    fn width(self, n: i64) -> i64 {
        if n <= 0 || self.total <= 0 { 0 } else { (n.saturating_mul(WIDTH) / self.total).clamp(2, WIDTH) }
    }

    fn label(self) -> String {
        format!(
            "{} accepted, {} failed, {} unconfirmed of {}",
            percent(self.accepted, self.total),
            thousands(self.failed),
            thousands(self.unconfirmed),
            thousands(self.total)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_never_longer_than_full_and_small_parts_are_visible() {
        let progress = Progress { accepted: 999_999, failed: 1, unconfirmed: 0, other: 0, total: 1_000_000 };
        let drawn = progress.draw().into_string();
        assert!(drawn.contains(r#"<rect class="accepted" x="0" width="999" height="10">"#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="failed" x="999" width="1" height="10">"#), "{drawn}");
        assert!(drawn.contains("99 % accepted, 1 failed, 0 unconfirmed of 1,000,000"), "{drawn}");
        assert!(!Progress::default().draw().into_string().contains("<rect"));
        let small = Progress { failed: 1, total: 1_000_000, ..Progress::default() }.draw().into_string();
        assert!(small.contains(r#"x="0" width="2""#), "{small}");
    }
}
