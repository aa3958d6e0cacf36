//! The batch prototype: only the fair job, in batches, as fast as possible; a ceiling for the pipeline.
//!
//! It has the same queue, rows and provider as the peers, and Flowcast's RabbitMQ client, which acknowledges the
//! longest finished beginning with one frame. It has no rate, no lease, no attempt rows and no suppressions: a claim
//! without an outcome is sent again. A batch is what has arrived when a batch sender is free, so nothing waits for a
//! timer. While one batch is sent, the next is claimed already. The prototype is a separate process, so that its CPU
//! time can be measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use broker::{Acknowledgement, Acknowledger, Consumer, Delivery, Topology};
use futures::future::join_all;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, Row, Statement};
use tokio_util::sync::CancellationToken;

use crate::jobs;

/// Makes a process of this program the prototype.
pub(crate) const CHILD: &str = "FLOWCAST_BENCH_PROTOTYPE";
const PREFETCH: u16 = 1_000;
const BATCH: usize = 200;
/// The most batches in flight.
const MOST_BATCHES: usize = 4;
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

const CLAIM: &str = "update jobs set state = 'sending', claimed_at = clock_timestamp()
    where id = any($1) and state <> 'accepted' returning id, msisdn, first_name";
const RECORD: &str =
    "update jobs set state = 'accepted', provider_message_id = o.message, recorded_at = clock_timestamp()
    from unnest($1::integer[], $2::text[]) as o (id, message) where jobs.id = o.id";
/// Without these settings the planner scans the table for a batch.
const BY_KEY: &str = "set enable_seqscan = off; set jit = off";

/// Sends one batch after the other.
struct BatchSender {
    database: Client,
    claim: Statement,
    record: Statement,
}

/// The address of the provider, and how to post.
struct Provider {
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    messages: [Message<'a>; 1],
}

#[derive(Deserialize)]
struct Message<'a> {
    id: &'a str,
}

/// Does every job of the queue until the process gets SIGTERM.
pub(crate) async fn run() -> anyhow::Result<()> {
    let provider = Arc::new(Provider::from_environment()?);
    let (free, mut senders) = mpsc::channel(MOST_BATCHES);
    for _ in 0..MOST_BATCHES {
        free.send(BatchSender::open(&variable("DATABASE_URL")?).await?).await?;
    }
    let mut config = broker::Config::new(SecretString::from(variable("AMQP_URL")?));
    config.prefix = variable("FLOWCAST_BROKER_PREFIX")?;
    let queue = Topology::new(&config.prefix).sender_queue(jobs::SENDER);
    let stop = CancellationToken::new();
    let mut consumer = Consumer::start(&broker::Connection::new(config, "prototype"), queue, PREFETCH, &stop);
    let stopped = stop.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        stopped.cancel();
    });
    while let Some(sender) = senders.recv().await {
        let mut batch = Vec::with_capacity(BATCH);
        if consumer.recv_many(&mut batch, BATCH).await == 0 {
            break;
        }
        let (free, provider, acknowledger) = (free.clone(), Arc::clone(&provider), consumer.acknowledger());
        tokio::spawn(async move {
            sender.send(&provider, &acknowledger, batch).await;
            // An error means that no more batches come.
            free.send(sender).await.ok();
        });
    }
    anyhow::ensure!(consumer.close(CLOSE_LIMIT).await, "some acknowledgements were not sent");
    Ok(())
}

impl BatchSender {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let (database, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        database.batch_execute(BY_KEY).await?;
        let (claim, record) = (database.prepare(CLAIM).await?, database.prepare(RECORD).await?);
        Ok(Self { database, claim, record })
    }

    /// Claims, posts, records, and then acknowledges each delivery.
    async fn send(&self, provider: &Provider, acknowledger: &Acknowledger, batch: Vec<Delivery>) {
        let acknowledgement = match self.try_send(provider, &batch).await {
            Ok(()) => Acknowledgement::Ack,
            Err(error) => {
                crate::output::complain(format!("prototype: {error:#}"));
                Acknowledgement::Requeue
            }
        };
        acknowledger
            .acknowledge_many(batch.into_iter().map(|delivery| (delivery.tag, acknowledgement)).collect());
    }

    async fn try_send(&self, provider: &Provider, batch: &[Delivery]) -> anyhow::Result<()> {
        let ids: Vec<i32> = batch.iter().map(|delivery| id(&delivery.body)).collect::<anyhow::Result<_>>()?;
        let rows = self.database.query(&self.claim, &[&ids]).await?;
        let posted = join_all(rows.iter().map(|row| provider.post(row))).await;
        let mut failed = None;
        let (mut ids, mut messages) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for (row, posted) in rows.iter().zip(posted) {
            match posted {
                Ok(message) => {
                    ids.push(row.get::<_, i32>(0));
                    messages.push(message);
                }
                Err(error) => failed = Some(error),
            }
        }
        self.database.execute(&self.record, &[&ids, &messages]).await?;
        failed.map_or(Ok(()), Err)
    }
}

impl Provider {
    fn from_environment() -> anyhow::Result<Self> {
        // The client needs a default crypto provider even for plain HTTP.
        tokio_rustls::rustls::crypto::ring::default_provider().install_default().ok();
        let bearer = format!("Bearer {}", variable("PEER_PROVIDER_KEY")?);
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .tcp_nodelay(true)
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { http, url: variable("PEER_PROVIDER_URL")?.parse()?, headers })
    }

    /// Posts one message and returns the provider's id of it.
    async fn post(&self, row: &Row) -> anyhow::Result<String> {
        let body = body(row.get(0), row.get(1), row.get(2));
        let request = self.http.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        let answer: Answer<'_> = serde_json::from_slice(&answer)?;
        let [message] = answer.messages;
        Ok(message.id.to_owned())
    }
}

fn id(body: &[u8]) -> anyhow::Result<i32> {
    Ok(std::str::from_utf8(body)?.parse()?)
}

/// The same message as that of the peers.
fn body(job: i32, msisdn: &str, first_name: &str) -> String {
    format!(
        r#"{{"messaging_product":"whatsapp","recipient_type":"individual","to":"{msisdn}","type":"interactive","interactive":{{"type":"flow","header":{{"type":"text","text":"Two questions"}},"body":{{"text":"Hello {first_name}, how was your visit? It takes one minute."}},"footer":{{"text":"Reply STOP to opt out"}},"action":{{"name":"flow","parameters":{{"flow_message_version":"3","flow_id":"1197715005513101","flow_cta":"Open survey","flow_token":"job-{job}","mode":"published","flow_action":"navigate","flow_action_payload":{{"screen":"WELCOME","data":{{"first_name":"{first_name}"}}}}}}}}}},"biz_opaque_callback_data":"job-{job}"}}"#
    )
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_some_600_bytes_of_json() {
        let body = body(12345, "254700000000", "Achieng");
        assert!((550..700).contains(&body.len()), "{} bytes", body.len());
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(parsed["to"], "254700000000");
    }
}
