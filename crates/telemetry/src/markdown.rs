//! `docs/METRICS.md` from the declarations of the metrics.

use crate::instrument::{Instrument, Kind};
use crate::label::{Label, Values};

/// Metrics under one heading.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    /// The heading.
    pub heading: &'a str,
    /// The text below it.
    pub text: &'a str,
    /// The metrics.
    pub instruments: &'a [&'static dyn Instrument],
}

/// The page, with one table for each section.
pub fn markdown(introduction: &str, sections: &[Section<'_>]) -> String {
    let tables = sections.iter().map(|Section { heading, text, instruments }| {
        let rows: String = instruments.iter().map(|instrument| row(*instrument)).collect();
        let header = "| metric | type | labels | meaning |\n|---|---|---|---|";
        let text = if text.is_empty() { String::new() } else { format!("{text}\n\n") };
        format!("\n## {heading}\n\n{text}{header}\n{rows}")
    });
    format!("{introduction}\n{}", tables.collect::<String>())
}

fn row(instrument: &dyn Instrument) -> String {
    let name = instrument.name();
    let (name, kind) = match instrument.kind() {
        Kind::Counter => (format!("{name}_total"), "counter".to_owned()),
        Kind::Gauge => (name.to_owned(), "gauge".to_owned()),
        Kind::Histogram(bounds) => {
            let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
            (name.to_owned(), format!("histogram, {}", bounds.join(" ")))
        }
    };
    let labels: Vec<String> = instrument.labels().iter().map(label).collect();
    format!("| `{name}` | {kind} | {} | {} |\n", labels.join("; "), instrument.help())
}

fn label(label: &Label) -> String {
    match label.values {
        Values::Closed(values) => format!("`{}`: {}", label.name, values.join(", ")),
        Values::Senders => format!("`{}`", label.name),
        Values::Bounded(by) => format!("`{}`: {by}", label.name),
    }
}
