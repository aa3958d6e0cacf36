//! The registries of a process, and their text.

use std::fmt;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

use crate::config::Config;
use crate::instrument::{Instrument, complete};
use crate::process::{self, BuildInfo};
use crate::{scrape, senders};

/// The content type of `OpenMetrics` 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of a process: its own, which have the label `role`, and those of the installation, which have no such label, because
/// they are the same from whatever process they come.
#[derive(Debug)]
pub struct Exporter {
    of_process: Registry,
    of_installation: Registry,
}

impl Exporter {
    /// Registers the metrics.
    pub fn new(
        role: &'static str,
        build: BuildInfo,
        config: &Config,
        of_process: &[&[&'static dyn Instrument]],
        of_installation: &[&'static dyn Instrument],
    ) -> Self {
        senders::limit(config.senders);
        process::begin(build);
        let labels = std::iter::once(("role".into(), role.into()));
        let mut exporter =
            Self { of_process: Registry::with_labels(labels), of_installation: Registry::default() };
        for instrument in process::INSTRUMENTS.iter().chain(of_process.iter().copied().flatten()) {
            instrument.begin_with_zero();
            instrument.register(&mut exporter.of_process);
        }
        for instrument in of_installation {
            instrument.register(&mut exporter.of_installation);
        }
        exporter
    }

    /// The present values, with their content type: `OpenMetrics` if the client accepts it, or else the text format 0.0.4 of
    /// Prometheus.
    pub fn render(&self, accept: &str) -> Result<(&'static str, String), fmt::Error> {
        process::refresh();
        scrape::run_hooks();
        let mut text = String::new();
        let registries = [&self.of_process, &self.of_installation];
        let _complete = complete();
        if accept.contains("application/openmetrics-text") {
            for registry in registries {
                text::encode_registry(&mut text, registry)?;
            }
            text::encode_eof(&mut text)?;
            return Ok((OPEN_METRICS, text));
        }
        for registry in registries {
            prometheus_text::encode(&mut text, registry)?;
        }
        Ok((prometheus_text::CONTENT_TYPE, text))
    }
}

/// These metrics alone, in the text format 0.0.4.
pub fn render_once(instruments: &[&'static dyn Instrument]) -> Result<String, fmt::Error> {
    let (mut registry, mut text) = (Registry::default(), String::new());
    for instrument in instruments {
        instrument.register(&mut registry);
    }
    let _complete = complete();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}
