//! A server whose console and API answer, with limits that no measurement reaches.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use tokio::time::{Instant, sleep};

use crate::flowcast::{Flowcast, Role, Surroundings};
use crate::stand::Stand;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub(crate) struct ConsoleServer {
    pub(crate) client: Client,
    pub(crate) at: SocketAddr,
    pub(crate) role: Role,
}

impl ConsoleServer {
    /// Starts a server on a stand, and waits for its first answer.
    pub(crate) async fn start(flowcast: &Flowcast, stand: &Stand) -> anyhow::Result<Self> {
        let free = || std::net::TcpListener::bind("127.0.0.1:0")?.local_addr();
        let (at, webhooks) = (free()?, free()?);
        let Surroundings { folder, environment } = &stand.surroundings;
        let mut environment = environment.clone();
        environment.push(("FLOWCAST_SERVER_LISTEN", webhooks.to_string()));
        environment.push(("FLOWCAST_CONSOLE_LISTEN", at.to_string()));
        for (limit, value) in [
            ("FLOWCAST_CONSOLE_INSECURE_LOOPBACK", "true"),
            ("FLOWCAST_CONSOLE_REQUESTS_PER_MINUTE", "1000000"),
            ("FLOWCAST_CONSOLE_WRITES_PER_SECOND", "100000"),
            ("FLOWCAST_CONSOLE_CONNECTIONS", "2000"),
            ("FLOWCAST_CONSOLE_CONNECTIONS_PER_ADDRESS", "1000"),
        ] {
            environment.push((limit, value.to_owned()));
        }
        let surroundings = Surroundings { folder: folder.clone(), environment };
        let role = flowcast.start("server", &["server"], &surroundings)?;
        // The client needs a provider although it speaks plain HTTP; one may be installed already.
        tokio_rustls::rustls::crypto::ring::default_provider().install_default().ok();
        let mut server = Self { client: Client::new(), at, role };
        let begun = Instant::now();
        while server.client.get(server.url("/api/v1/openapi.json")).send().await.is_err() {
            server.role.is_alive()?;
            anyhow::ensure!(begun.elapsed() < PATIENCE, "the server does not answer");
            sleep(LOOK_EVERY).await;
        }
        Ok(server)
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// Posts a form as a browser does; returns the session cookie, if the answer sets one.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Option<String>> {
        let answer = self
            .client
            .post(self.url(path))
            .header("sec-fetch-site", "same-origin")
            .form(form)
            .send()
            .await?
            .error_for_status()
            .with_context(|| format!("posting to {path}"))?;
        let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        Ok(cookie.and_then(|cookie| cookie.split(';').next()).map(str::to_owned))
    }
}
