//! A server with the HTTP API, API keys, and requests to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};

use crate::receiving::free_address;
use crate::world::{PATIENCE, Process, World};

/// The API at its address.
pub(crate) struct ApiServer {
    pub(crate) at: SocketAddr,
    pub(crate) server: Process,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers; the values of one that comes several times are lines.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A request to build and send.
pub(crate) struct Ask<'a> {
    at: SocketAddr,
    method: &'a str,
    path: &'a str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ApiServer {
    /// Starts a server whose limits a test does not reach, and waits until it answers.
    pub(crate) async fn start(world: &mut World, settings: &[(&str, &str)]) -> Self {
        Self::start_at(world, free_address(), settings).await
    }

    /// The same at this address.
    pub(crate) async fn start_at(world: &mut World, at: SocketAddr, settings: &[(&str, &str)]) -> Self {
        let (listen, webhooks) = (at.to_string(), free_address().to_string());
        let mut environment = vec![
            ("FLOWCAST_SERVER_LISTEN", webhooks.as_str()),
            ("FLOWCAST_CONSOLE_LISTEN", &listen),
            ("FLOWCAST_CONSOLE_REQUESTS_PER_MINUTE", "100000"),
            ("FLOWCAST_CONSOLE_WRITES_PER_SECOND", "10000"),
            ("FLOWCAST_CONSOLE_BAD_REQUESTS", "100000"),
        ];
        environment.extend(settings);
        let server = world.start_with("server", &environment);
        let api = Self { at, server };
        let deadline = Instant::now() + PATIENCE;
        while api.ask("GET", "/api/v1/openapi.json").try_send().await.is_none() {
            assert!(Instant::now() < deadline, "the API does not answer; {}", world.logs());
            sleep(Duration::from_millis(20)).await;
        }
        api
    }

    pub(crate) fn ask<'a>(&self, method: &'a str, path: &'a str) -> Ask<'a> {
        ask_at(self.at, method, path)
    }
}

/// A request to a server at this address.
pub(crate) fn ask_at<'a>(at: SocketAddr, method: &'a str, path: &'a str) -> Ask<'a> {
    Ask { at, method, path, headers: Vec::new(), body: Vec::new() }
}

/// Adds an API key with this role and these further options.
pub(crate) async fn key(world: &World, role: &str, options: &[&str]) -> String {
    let command = [&["key", "add", "test", "--role", role, "--expires", "1h"], options].concat();
    let printed = world.ok(&command).await;
    let key = printed.split_whitespace().find(|word| word.starts_with("fc_"));
    key.unwrap().to_owned()
}

/// A command that uses this API with this key.
pub(crate) fn through(world: &World, api: &ApiServer, key: &str, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command
        .env_remove("DATABASE_URL")
        .env_remove("AMQP_URL")
        .env("FLOWCAST_URL", format!("http://{}", api.at))
        .env("FLOWCAST_API_KEY", key);
    command
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// A new `Idempotency-Key`.
    pub(crate) fn once(self) -> Self {
        static N: AtomicU64 = AtomicU64::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        self.header("idempotency-key", &format!("test-{n}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// The answer, if there is one.
    pub(crate) async fn try_send(self) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.at).await.ok()?;
        let lines: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let lines = lines.concat();
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n{lines}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        // A body that is too long is refused before its end.
        drop(stream.write_all(&self.body).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        Answer::read(&answer)
    }
}

impl Answer {
    fn read(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.get(9..12)?.parse().ok()?;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let all = headers.entry(name.to_ascii_lowercase()).or_default();
            *all = if all.is_empty() { value.to_owned() } else { format!("{all}\n{value}") };
        }
        Some(Self { status, headers, body: answer[end + 4..].to_vec() })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The name of the problem, and its sentence.
    pub(crate) fn problem(&self) -> (String, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["instance"], *self.headers["x-request-id"]);
        let name = problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned();
        (name, problem["detail"].as_str().unwrap().to_owned())
    }
}
