//! The fair job with apalis and its AMQP backend, by its authors' advice.
//!
//! - `parallelize` runs each job as a task of its own, `concurrency` bounds how many, and a job is acknowledged when its
//!   function has returned well: <https://docs.rs/apalis/1.0.0/apalis/>, <https://docs.rs/apalis-amqp/1.0.0/apalis_amqp/>
//! - `prefetch_count` as many as run, `quorum` for the queue: `apalis_amqp::Config`.
//! - Connections to Postgres from a pool, with statements that are prepared once: <https://docs.rs/deadpool-postgres>

use std::env;
use std::sync::Arc;

use apalis::prelude::*;
use apalis_amqp::{AmqpBackend, Config};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

const CONNECTIONS: usize = 16;
const CLAIM: &str = "update jobs set state = 'sending', claimed_at = clock_timestamp()
    where id = $1 and state <> 'accepted' returning msisdn, first_name";
const RECORD: &str = "update jobs set state = 'accepted', provider_message_id = $1, recorded_at = clock_timestamp()
    where id = $2";

/// What every job uses.
struct Lines {
    database: deadpool_postgres::Pool,
    http: reqwest::Client,
    url: String,
    key: String,
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let concurrency: u16 = variable("PEER_CONCURRENCY")?.parse()?;
    let manager = deadpool_postgres::Manager::from_config(
        variable("DATABASE_URL")?.parse()?,
        tokio_postgres::NoTls,
        deadpool_postgres::ManagerConfig::default(),
    );
    let lines = Arc::new(Lines {
        database: deadpool_postgres::Pool::builder(manager).max_size(CONNECTIONS).build()?,
        http: reqwest::Client::builder().http1_only().no_proxy().build()?,
        url: variable("PEER_PROVIDER_URL")?,
        key: variable("PEER_PROVIDER_KEY")?,
    });
    let config = Config::default().queue(variable("PEER_QUEUE")?.as_str()).prefetch_count(concurrency).quorum(true);
    let mut backend = AmqpBackend::<i32>::new_from_addr(variable("AMQP_URL")?)?.with_config(config);
    subscribe(&mut backend).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    WorkerBuilder::new("peer")
        .backend(backend)
        .data(lines)
        .concurrency(concurrency.into())
        .parallelize(tokio::spawn)
        .build(deliver)
        .run_until(async move {
            terminate.recv().await;
            Ok::<_, WorkerError>(())
        })
        .await?;
    Ok(())
}

/// Opens channel and consumer before the worker begins.
///
/// apalis-amqp 1.0.0, by its source, copies its channel into the layer that acknowledges before the worker has opened one, and
/// an acknowledgement without a channel fails as not connected. Opened here, the copy has it.
async fn subscribe(backend: &mut AmqpBackend<i32>) -> Result<(), BoxDynError> {
    let worker = WorkerContext::new("peer");
    // Each step that is done says it is ready: the queue, the consumer, then both.
    for _ in 0..3 {
        std::future::poll_fn(|context| backend.poll_ready(context, &worker)).await?;
    }
    Ok(())
}

async fn deliver(job: i32, lines: Data<Arc<Lines>>) -> Result<(), BoxDynError> {
    let claimed = {
        let client = lines.database.get().await?;
        let claim = client.prepare_cached(CLAIM).await?;
        client.query_opt(&claim, &[&job]).await?
    };
    let Some(row) = claimed else { return Ok(()) };
    let body = message(job, row.get("msisdn"), row.get("first_name"));
    let request = lines.http.post(&lines.url).bearer_auth(&lines.key).json(&body);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let id = answer.pointer("/messages/0/id").and_then(Value::as_str).ok_or("an answer without an id")?;
    let client = lines.database.get().await?;
    let record = client.prepare_cached(RECORD).await?;
    client.execute(&record, &[&id, &job]).await?;
    Ok(())
}

fn message(job: i32, msisdn: &str, first_name: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": msisdn,
        "type": "interactive",
        "interactive": {
            "type": "flow",
            "header": {"type": "text", "text": "Two questions"},
            "body": {"text": format!("Hello {first_name}, how was your visit? It takes one minute.")},
            "footer": {"text": "Reply STOP to opt out"},
            "action": {
                "name": "flow",
                "parameters": {
                    "flow_message_version": "3",
                    "flow_id": "1197715005513101",
                    "flow_cta": "Open survey",
                    "flow_token": format!("job-{job}"),
                    "mode": "published",
                    "flow_action": "navigate",
                    "flow_action_payload": {"screen": "WELCOME", "data": {"first_name": first_name}},
                },
            },
        },
        "biz_opaque_callback_data": format!("job-{job}"),
    })
}

fn variable(name: &str) -> Result<String, BoxDynError> {
    env::var(name).map_err(|_| format!("{name} is not set").into())
}
