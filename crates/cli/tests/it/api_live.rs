//! Campaigns and jobs are followed live through the HTTP API.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Config;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::api_server::{ApiServer, key};
use crate::world::{PATIENCE, World};

/// An open stream.
struct Stream {
    lines: BufReader<TcpStream>,
    head: String,
}

impl Stream {
    async fn open(api: &ApiServer, key: &str, query: &str, seen: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(api.at).await.unwrap();
        let seen = seen.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1/live{query} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {key}\r\n{seen}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self { lines: BufReader::new(stream), head: String::new() };
        loop {
            let line = stream.line().await.unwrap();
            if line.is_empty() {
                return stream;
            }
            stream.head.extend([line.as_str(), "\n"]);
        }
    }

    /// The next line; `None`: the connection was closed.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.lines.read_line(&mut line)).await.unwrap();
        read.ok().filter(|read| *read > 0).map(|_| line.trim_end().to_owned())
    }

    /// The id and the data of the next event; `None`: the stream has ended as it should, with the last chunk.
    async fn event(&mut self) -> Option<(String, Value)> {
        let mut id = None;
        loop {
            let line = self.line().await.unwrap();
            if let Some(found) = line.strip_prefix("id: ") {
                id = Some(found.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((id.unwrap(), serde_json::from_str(data).unwrap()));
            } else if line == "0" {
                return None;
            }
        }
    }
}

/// The number in the id of an event.
fn number(id: &str) -> u64 {
    id.split_once('-').unwrap().1.parse().unwrap()
}

/// Follows the campaign of 80 recipients until it is finished and its rate is zero. Returns the id of the last event.
async fn followed_to_the_end(stream: &mut Stream, mut last: String) -> String {
    let (mut has_rate, mut has_time, mut sent) = (false, false, 0);
    let end = loop {
        let (id, event) = stream.event().await.unwrap();
        let campaign = &event["campaign"];
        assert!(number(&id) > number(&last), "{last} {id}");
        last = id;
        let states = [
            "pending",
            "sending",
            "retry",
            "accepted",
            "failed",
            "unknown",
            "skipped",
            "expired",
            "cancelled",
        ];
        let sum: i64 = states.iter().map(|state| campaign["counts"][state].as_i64().unwrap()).sum();
        assert_eq!(sum, 80, "{event}");
        assert!(campaign["sent"].as_i64().unwrap() >= sent, "{event}");
        sent = campaign["sent"].as_i64().unwrap();
        has_rate |= campaign["per_second"].as_f64().is_some_and(|rate| rate > 1.0 && rate < 60.0);
        has_time |= campaign["seconds_left"].as_i64().is_some_and(|seconds| seconds > 0);
        if campaign["state"] == "finished" && campaign["per_second"] == 0.0 {
            break event;
        }
    };
    assert_eq!((&end["campaign"]["counts"]["accepted"], sent), (&json!(80), 80));
    assert!(has_rate && has_time, "no event had a rate, or none had the time that is left");
    last
}

/// A key that is limited to senders follows the campaigns of these senders.
async fn others_see_their_campaigns_only(world: &World, api: &ApiServer, query: &str) {
    let limited = key(world, "viewer", &["--sender", "ke-main"]).await;
    let add = ["sender", "add", "other", "--provider", "kaleyra", "--base-url", "https://api.in.kaleyra.io"];
    world
        .ok(&[
            &add[..],
            &["--account", "SID", "--number", "+919900000099", "--api-key-env", "KEY", "--rate", "none"],
        ]
        .concat())
        .await;
    let hidden = key(world, "viewer", &["--sender", "other"]).await;
    let not_found = api.ask("GET", &format!("/api/v1/live{query}")).key(&hidden).send().await;
    assert_eq!(not_found.problem().0, "not-found");
    world.look.batch_execute("update campaign set state = 'paused'").await.unwrap();
    for (key, n) in [(&limited, 1), (&hidden, 0)] {
        let seen = Stream::open(api, key, "", None).await.event().await.unwrap().1;
        assert_eq!(seen["campaigns"].as_array().unwrap().len(), n, "{seen}");
    }
}

#[tokio::test]
async fn a_campaign_is_followed_to_its_end_and_a_stream_resumes_after_the_last_event() {
    let mut world = World::new("api_live", "20/s", Config::default()).await;
    let api = ApiServer::start(&mut world, &[("FLOWCAST_CONSOLE_STREAMS", "8")]).await;
    let viewer = key(&world, "viewer", &[]).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    let id = world.draft(80).await;
    let query = format!("?campaign_id={id}");
    let mut stream = Stream::open(&api, &viewer, &query, None).await;
    assert!(
        stream.head.contains("text/event-stream") && stream.head.contains("x-accel-buffering: no"),
        "{}",
        stream.head
    );
    let (last, first) = stream.event().await.unwrap();
    assert_eq!(
        (&first["campaign"]["state"], &first["campaign"]["counts"]["pending"]),
        (&json!("draft"), &json!(80))
    );
    assert_eq!((&first["is_live"], first.get("campaigns"), first.get("job")), (&json!(true), None, None));
    world.ok(&["campaign", "start", &id]).await;
    let last = followed_to_the_end(&mut stream, last).await;

    // A client that has seen the last event gets the next change first; one that has missed events gets the present state.
    let mut resumed = Stream::open(&api, &viewer, &query, Some(&last)).await;
    let refused = api.ask("GET", &format!("/api/v1/live{query}")).key(&viewer).send().await;
    assert_eq!(
        (refused.status, &*refused.problem().0, &*refused.headers["retry-after"]),
        (503, "unavailable", "60")
    );
    world.ok(&["sender", "hold", "ke-main"]).await;
    let (id, event) = resumed.event().await.unwrap();
    assert!(number(&id) > number(&last), "{last} {id}");
    assert_eq!(event["campaign"]["stops"][0]["reason"], "operator", "{event}");
    let other = key(&world, "viewer", &[]).await;
    for seen in [last.as_str(), "00000000-999999", "nonsense"] {
        let mut late = Stream::open(&api, &other, &query, Some(seen)).await;
        assert_eq!(late.event().await.unwrap().0, id, "{seen}");
    }
    others_see_their_campaigns_only(&world, &api, &query).await;

    // The server ends streams when it stops.
    let stopping = Instant::now();
    assert!(api.server.stop().await.success());
    assert!(stopping.elapsed() < Duration::from_secs(10), "{:?}", stopping.elapsed());
    while resumed.event().await.is_some() {}

    // A stream ends after its time.
    let api = ApiServer::start(&mut world, &[("FLOWCAST_CONSOLE_STREAM_TIME", "1s")]).await;
    let mut short = Stream::open(&api, &viewer, "", None).await;
    while short.event().await.is_some() {}
    world.close().await;
}
