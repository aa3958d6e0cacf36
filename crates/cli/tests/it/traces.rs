//! Spans, as an OpenTelemetry collector receives them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use simulator::Config;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{World, nothing_planted_in};

/// The spans of a campaign. The queue has the number of the sender.
const NAMES: [&str; 5] = ["feed round", "process batch", "claim", "POST kaleyra", "record"];

/// A small collector: it keeps the bodies that are posted to it.
struct Collector {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, bodies) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Vec<u8>>>>::default());
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&kept)));
            }
        });
        Self { address, bodies }
    }

    /// All spans, each with the attributes of its process.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in self.bodies.lock().unwrap().iter() {
            nothing_planted_in(&String::from_utf8_lossy(body));
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            for resource in request.resource_spans {
                let of_process = format!("{:?}", resource.resource);
                assert!(
                    of_process.contains("service.name") && of_process.contains("flowcast"),
                    "{of_process}"
                );
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        spans
    }
}

/// Reads the requests of one connection.
async fn take(stream: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut first) = (String::new(), 0, String::new());
        while stream.read_line(&mut line).await.is_ok_and(|n| n > 2) {
            let lower = line.to_ascii_lowercase();
            if first.is_empty() {
                first = line.clone();
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        if first.is_empty() {
            return;
        }
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        kept.lock().unwrap().push(body);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    }
}

/// The attributes of a span as texts.
fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is_set) => is_set.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = span.attributes.iter();
    attributes.filter_map(|one| Some((one.key.as_str(), text(one.value.as_ref()?.value.as_ref()?)))).collect()
}

#[tokio::test]
async fn the_spans_of_a_campaign_arrive_with_ids_and_without_numbers_or_keys() {
    let mut world = World::new("traces", "none", Config::default()).await;
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let settings = [("FLOWCAST_OTLP_ENDPOINT", endpoint.as_str()), ("FLOWCAST_OTLP_SAMPLE_RATIO", "1.0")];
    let (producer, consumer) =
        (world.start_with("producer", &settings), world.start_with("consumer", &settings));
    let id = world.draft(40).await;
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    // The last spans leave when a process ends.
    assert!(producer.stop().await.success() && consumer.stop().await.success());

    let spans = collector.spans();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let queue = format!("{}.sender.1", world.scope.queue_prefix());
    let send = format!("send {queue}");
    for name in NAMES.into_iter().chain([send.as_str()]) {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    let parent = |span: &Span| by_id.get(span.parent_span_id.as_slice()).map(|parent| parent.name.clone());
    let mut requests = 0;
    for span in &spans {
        let (of_span, name) = (attributes(span), span.name.as_str());
        let (wanted, of): (_, &[&str]) = match name {
            "claim" => {
                (Some("process batch"), &["db.system.name", "db.query.summary", "flowcast.campaign.id"])
            }
            "record" => (Some("process batch"), &["db.system.name", "flowcast.outcomes"]),
            "POST kaleyra" => {
                requests += 1;
                assert_eq!(of_span["flowcast.outcome"], "accepted", "{of_span:?}");
                assert_eq!(of_span["flowcast.campaign.id"], id, "{of_span:?}");
                (Some("process batch"), &["http.request.method", "http.response.status_code", "flowcast.seq"])
            }
            "process batch" => (None, &["messaging.system", "flowcast.recipients", "flowcast.campaign.id"]),
            name if name == send => {
                assert_eq!(of_span["messaging.destination.name"], queue);
                (Some("feed round"), &["messaging.system", "messaging.batch.message_count"])
            }
            _ => (None, &["flowcast.sender.id"]),
        };
        assert_eq!(parent(span).as_deref(), wanted, "{name}");
        assert!(of.iter().all(|key| of_span.contains_key(key)), "{name} {of_span:?}");
        nothing_planted_in(&format!("{name} {of_span:?} {:?} {:?}", span.events, span.status));
        assert!(span.events.is_empty(), "log lines are not exported: {:?}", span.events);
    }
    assert_eq!(requests, world.ledger().summary().requests);
    world.close().await;
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing_but_a_line_of_the_log() {
    let mut world = World::new("traces_away", "none", Config::default()).await;
    let settings = [("FLOWCAST_OTLP_ENDPOINT", "http://127.0.0.1:1"), ("FLOWCAST_OTLP_SAMPLE_RATIO", "1")];
    let (producer, consumer) =
        (world.start_with("producer", &settings), world.start_with("consumer", &settings));
    let id = world.draft(20).await;
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    assert!(producer.stop().await.success() && consumer.stop().await.success());
    assert!(world.logs().contains("the collector of [otlp] endpoint does not take them"), "{}", world.logs());
    world.close().await;
}
