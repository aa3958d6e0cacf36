//! Charts as SVG: bars over time, and lines of a few pixels. Colors are classes of the style sheet; every bar has a tooltip.

use std::fmt::Write;

use maud::{Markup, html};
use qrcode::{Color, QrCode};

/// The most bars of a chart.
pub(crate) const MOST_BARS: usize = 120;
/// Width and height of the area of the bars.
const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 200.0;

/// Bars over time.
#[derive(Clone, Debug, Default)]
pub(crate) struct BarChart {
    /// What the chart shows, for people who do not see it.
    pub(crate) label: String,
    pub(crate) bars: Vec<Bar>,
    /// The allowed rate, as a line.
    pub(crate) limit: Option<f64>,
    /// Stops, behind the bars.
    pub(crate) bands: Vec<Band>,
    /// Labels of the time axis: place from 0 to 1, text.
    pub(crate) ticks: Vec<(f64, String)>,
    /// What stands after a number of the other axis, such as `/s`.
    pub(crate) unit: &'static str,
}

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bar {
    pub(crate) accepted: f64,
    /// Drawn above the accepted ones.
    pub(crate) failed: f64,
    /// The tooltip.
    pub(crate) title: String,
}

/// A stretch of time with a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// Places from 0 to 1.
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
}

impl BarChart {
    /// Draws the chart.
    pub(crate) fn draw(&self) -> Markup {
        let top = self.top();
        let height = |value: f64| HEIGHT * (value / top).clamp(0.0, 1.0);
        let step = WIDTH / float(self.bars.len().max(1));
        html! {
            svg class="chart" viewBox="0 -8 924 234" role="img" aria-label=(self.label) {
                @for band in &self.bands { (self::band(band)) }
                @for share in [0.0, 0.5, 1.0] {
                    @let y = HEIGHT - HEIGHT * share;
                    line class="grid" x1="0" x2=(WIDTH) y1=(short(y)) y2=(short(y)) {}
                    text x="886" y=(short(y + 4.0)) { (number(top * share)) (self.unit) }
                }
                @for (index, bar) in self.bars.iter().enumerate() {
                    @let x = short(float(index) * step + step * 0.1);
                    @let (accepted, failed) = (height(bar.accepted), height(bar.failed));
                    g {
                        title { (bar.title) }
                        @if accepted > 0.0 {
                            rect class="accepted" x=(x) y=(short(HEIGHT - accepted)) width=(short(step * 0.8)) height=(short(accepted)) rx="1.5" {}
                        }
                        @if failed > 0.0 {
                            rect class="failed" x=(x) y=(short((HEIGHT - accepted - failed).max(0.0))) width=(short(step * 0.8)) height=(short(failed)) {}
                        }
                    }
                }
                @if let Some(limit) = self.limit.filter(|limit| *limit <= top) {
                    @let y = HEIGHT - height(limit);
                    line class="limit" x1="0" x2=(WIDTH) y1=(short(y)) y2=(short(y)) {}
                    text x="4" y=(short(y - 6.0)) { "allowed rate" }
                }
                @for (place, text) in &self.ticks {
                    @let anchor = if *place < 0.05 { "start" } else if *place > 0.95 { "end" } else { "middle" };
                    text x=(short(place * WIDTH)) y="220" text-anchor=(anchor) { (text) }
                }
            }
        }
    }

    /// The end of the axis: 1, 2 or 5 with zeros, above every bar and the limit.
    fn top(&self) -> f64 {
        let highest = self.bars.iter().map(|bar| bar.accepted + bar.failed).fold(0.0, f64::max);
        let highest = highest.max(self.limit.unwrap_or(0.0) * 1.1).max(0.1);
        let power = 10_f64.powf(highest.log10().floor());
        [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
            .map(|step| step * power)
            .into_iter()
            .find(|top| *top >= highest)
            .unwrap_or(10.0 * power)
    }
}

fn band(band: &Band) -> Markup {
    let (from, to) = (band.from.clamp(0.0, 1.0) * WIDTH, band.to.clamp(0.0, 1.0) * WIDTH);
    let width = (to - from).max(2.0);
    html! {
        g {
            title { (band.label) }
            rect class="stop" x=(short(from)) y="0" width=(short(width)) height=(HEIGHT) {}
            // The name of a narrow band would cover its neighbors.
            @if width > 7.0 * float(band.label.chars().count()) {
                text class="stop-label" x=(short(from + width / 2.0)) y="16" text-anchor="middle" { (band.label) }
            }
        }
    }
}

/// A line of a few pixels without axes; nothing if there is only one value. It repeats what stands beside it.
pub(crate) fn sparkline(values: &[f64]) -> Markup {
    let highest = values.iter().copied().fold(0.0, f64::max);
    if values.len() < 2 || highest <= 0.0 {
        return html! {};
    }
    let step = 92.0 / float(values.len() - 1);
    let point = |(index, value): (usize, &f64)| {
        format!("{},{}", short(float(index) * step), short(18.0 - 16.0 * value / highest))
    };
    let points: Vec<String> = values.iter().enumerate().map(point).collect();
    html! { svg class="spark" viewBox="0 0 92 20" aria-hidden="true" { polyline points=(points.join(" ")) {} } }
}

/// A bar that fills a share of its place.
pub(crate) fn share(part: i64, whole: i64) -> Markup {
    let width = if whole <= 0 {
        0
    } else {
        (part.max(0).saturating_mul(100) / whole).min(100).max(i64::from(part > 0))
    };
    html! {
        svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" { rect width=(width) height="10" rx="2" {} }
    }
}

/// A strip of time with marked stretches: from and to, of a whole. A short stretch is visible.
pub(crate) fn strip(bands: &[(i64, i64)], whole: i64, label: &str) -> Markup {
    let place = |at: i64| at.clamp(0, whole) * 1_000 / whole.max(1);
    html! {
        svg class="strip" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (from, to) in bands {
                rect x=(place(*from)) width=((place(*to) - place(*from)).max(2)) height="10" {}
            }
        }
    }
}

/// With one decimal at most.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn number(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { short(value) }
}

#[expect(clippy::cast_precision_loss, reason = "places of a drawing")]
fn float(n: usize) -> f64 {
    n as f64
}

/// A QR code with a quiet zone of four modules (ISO 18004). A text that is too long gives no code.
pub(crate) fn qr_code(text: &str, label: &str) -> Markup {
    let Ok(code) = QrCode::new(text) else { return Markup::default() };
    let width = code.width();
    let colors = code.to_colors();
    let dark = colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark);
    let mut path = String::new();
    for (at, _) in dark {
        // Writing to a String cannot fail.
        write!(path, "M{} {}h1v1h-1z", at % width + 4, at / width + 4).ok();
    }
    let side = width + 8;
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(label) {
            rect class="light" width=(side) height=(side) {}
            path class="dark" d=(path) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(accepted: f64, failed: f64) -> Bar {
        Bar { accepted, failed, title: format!("11:00 {accepted}") }
    }

    #[test]
    fn bars_are_within_the_drawing_and_have_tooltips() {
        let bars = BarChart {
            label: "Messages per second".into(),
            bars: vec![bar(40.0, 0.0), bar(80.0, 4.0), bar(0.0, 0.0)],
            limit: Some(80.0),
            bands: vec![Band { from: 0.6, to: 0.9, label: "Low balance".into() }],
            ticks: vec![(0.0, "11:00".into()), (1.0, "11:03".into())],
            unit: "/s",
        };
        let drawn = bars.draw().into_string();
        assert!(
            drawn.contains("<title>11:00 80</title>")
                && drawn.contains(r#"aria-label="Messages per second""#),
            "{drawn}"
        );
        assert!(
            drawn.contains(">100/s<") && drawn.contains(">50/s<") && drawn.contains("allowed rate"),
            "{drawn}"
        );
        assert!(
            drawn.contains(r#"<text class="stop-label""#) && drawn.contains(r#"text-anchor="end">11:03"#),
            "{drawn}"
        );
        assert_eq!(
            (drawn.matches("class=\"accepted\"").count(), drawn.matches("class=\"failed\"").count()),
            (2, 1)
        );
        assert!(drawn.contains(r#"y="120" width="234.7" height="80" rx="1.5""#), "{drawn}");
    }

    #[test]
    fn the_axis_ends_above_every_bar() {
        for (highest, top) in [
            (0.0, 0.1),
            (1.0, 1.0),
            (7.0, 8.0),
            (9.0, 10.0),
            (83.0, 100.0),
            (101.0, 150.0),
            (1_900.0, 2_000.0),
        ] {
            let bars = BarChart { bars: vec![bar(highest, 0.0)], ..BarChart::default() };
            assert!((bars.top() - top).abs() < 1e-9, "{highest}: {}", bars.top());
        }
        assert!(!BarChart::default().draw().into_string().contains("NaN"));
    }

    #[test]
    fn a_line_needs_two_values_and_a_share_is_at_most_all() {
        assert!(
            sparkline(&[1.0]).into_string().is_empty() && sparkline(&[0.0, 0.0]).into_string().is_empty()
        );
        assert!(sparkline(&[0.0, 2.0, 1.0]).into_string().contains(r#"points="0,18 46,2 92,10""#));
        assert!(
            share(5, 4).into_string().contains(r#"width="100""#)
                && share(1, 1_000).into_string().contains(r#"width="1""#)
        );
        assert!(share(0, 0).into_string().contains(r#"width="0""#));
    }
}
