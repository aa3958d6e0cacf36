//! Spans of a role for an OpenTelemetry collector, if `[otlp] endpoint` is set.
//!
//! **Invariants.** Without an endpoint nothing of this is started, and a span costs what a disabled log line costs. Only spans of the
//! target [`telemetry::SPANS`] are exported. Their fields are ids, counts, codes and names of senders' queues; log lines are not exported.

mod client;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::Deserialize;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use crate::exit::Refused;
use crate::otlp::client::Client;
use crate::version;

/// The time limit of one export, and of the last one when the process ends.
const LIMIT: Duration = Duration::from_secs(5);
/// The path of the endpoint if the setting has none.
const PATH: &str = "/v1/traces";

/// The `[otlp]` section.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where roles send spans: an OpenTelemetry collector that accepts OTLP over HTTP, such as `http://127.0.0.1:4318`. Without a path,
    /// `/v1/traces` is added. Headers and attributes of `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES` are sent too. Default
    /// none: no spans.
    pub(crate) endpoint: Option<Url>,
    /// The part of rounds of feeds and batches of consumers whose spans are sent, from 0 to 1. Default 0.001.
    pub(crate) sample_ratio: f64,
    /// `http/protobuf` or `http/json`. Default `http/protobuf`.
    pub(crate) protocol: Protocol,
}

/// The encoding of exported spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Protocol {
    /// Protocol Buffers.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
    /// JSON.
    #[serde(rename = "http/json")]
    HttpJson,
}

impl Default for Config {
    fn default() -> Self {
        Self { endpoint: None, sample_ratio: 0.001, protocol: Protocol::HttpProtobuf }
    }
}

impl Config {
    /// Checks the settings. The error names the first invalid one, without the address, which may contain a password.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(format!(
                "sample_ratio is {}; write a number from 0 to 1, such as 0.001",
                self.sample_ratio
            ));
        }
        let Some(url) = &self.endpoint else { return Ok(()) };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("endpoint is not an http address; write one like http://127.0.0.1:4318".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "endpoint contains a user or a password; write it without, and set OTEL_EXPORTER_OTLP_HEADERS".into()
            );
        }
        Ok(())
    }

    fn address(&self) -> Option<Url> {
        let mut address = self.endpoint.clone()?;
        if address.path() == "/" {
            address.set_path(PATH);
        }
        Some(address)
    }
}

/// The running export of spans.
pub(crate) struct Export(SdkTracerProvider);

impl Export {
    /// Starts the export of this role; `None` without an endpoint.
    pub(crate) fn start(config: &Config, role: &'static str) -> Result<Option<Self>, Refused> {
        let Some(address) = config.address() else { return Ok(None) };
        let protocol = match config.protocol {
            Protocol::HttpProtobuf => opentelemetry_otlp::Protocol::HttpBinary,
            Protocol::HttpJson => opentelemetry_otlp::Protocol::HttpJson,
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(address.clone(), LIMIT)?)
            .with_endpoint(address.as_str())
            .with_protocol(protocol)
            .with_timeout(LIMIT)
            .build()
            .map_err(|error| Refused(format!("[otlp] spans cannot be exported: {error}")))?;
        let resource = Resource::builder()
            .with_service_name("flowcast")
            .with_attributes([
                KeyValue::new("service.version", version::VERSION),
                KeyValue::new("flowcast.role", role),
            ])
            .build();
        let sampled = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(sampled)))
            .with_resource(resource)
            .build();
        Ok(Some(Self(provider)))
    }

    /// The layer that turns spans of the target [`telemetry::SPANS`] into exported ones.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("flowcast"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_filter(Targets::new().with_target(telemetry::SPANS, LevelFilter::TRACE))
    }

    /// Exports the last spans. Called when the process ends.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(LIMIT) {
            tracing::warn!("the last spans were not exported: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str) -> Config {
        Config { endpoint: Some(endpoint.parse().unwrap()), ..Config::default() }
    }

    #[test]
    fn without_an_endpoint_nothing_is_started() {
        assert!(Export::start(&Config::default(), "consumer").unwrap().is_none());
    }

    #[test]
    fn the_path_of_the_endpoint_is_added_if_there_is_none() {
        let address = |endpoint: &str| config(endpoint).address().unwrap().to_string();
        assert_eq!(address("http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(address("https://otlp.example/x/v1/traces"), "https://otlp.example/x/v1/traces");
    }

    #[test]
    fn a_wrong_setting_is_named_without_the_password() {
        assert_eq!(config("http://127.0.0.1:4318").check(), Ok(()));
        for (wrong, key) in [
            (config("ftp://collector"), "endpoint"),
            (config("http://me:hunter2@collector"), "endpoint"),
            (Config { sample_ratio: 1.5, ..Config::default() }, "sample_ratio"),
        ] {
            let error = wrong.check().unwrap_err();
            assert!(error.starts_with(key) && !error.contains("hunter2"), "{error}");
        }
    }
}
