//! What a stack itself needs from RabbitMQ: whether it is ready, its version, and the deletion of what a test left.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::{Error, Service};

const PATIENCE: Duration = Duration::from_secs(5);

/// Opens and closes a connection, and returns the version of the broker.
pub(crate) async fn probe(url: &Url) -> Result<String, Error> {
    let version =
        timeout(PATIENCE, version(url)).await.map_err(|_| Error::TimedOut { doing: "greet RabbitMQ" })??;
    let connection = connect(url).await?;
    close(&connection).await?;
    Ok(version)
}

/// Deletes queues and exchanges. A missing one, or one that cannot be deleted, does not stop the others.
pub(crate) async fn delete(url: &Url, queues: Vec<String>, exchanges: Vec<String>) -> Result<(), Error> {
    if queues.is_empty() && exchanges.is_empty() {
        return Ok(());
    }
    let connection = connect(url).await?;
    let mut outcome = Ok(());
    for queue in queues {
        outcome = delete_queue(&connection, queue).await.and(outcome);
    }
    for exchange in exchanges {
        outcome = delete_exchange(&connection, exchange).await.and(outcome);
    }
    close(&connection).await.and(outcome)
}

/// A queue that only this connection may use: all others get `RESOURCE_LOCKED`. The queue is deleted when this is
/// dropped.
pub struct LockedQueue(Connection);

impl LockedQueue {
    /// Unlocks the queue, which also deletes it.
    pub async fn unlock(self) -> Result<(), Error> {
        close(&self.0).await
    }
}

/// Declares an exclusive queue.
pub(crate) async fn lock_queue(url: &Url, queue: &str) -> Result<LockedQueue, Error> {
    let connection = connect(url).await?;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    within_limit("declare a queue", async {
        let channel = connection.create_channel().await?;
        channel.queue_declare(queue.into(), exclusive, FieldTable::default()).await?;
        channel.close(200, "done".into()).await
    })
    .await?;
    Ok(LockedQueue(connection))
}

/// Each deletion has its own channel, because a refusal closes the channel. The channel is closed before the
/// connection, because lapin treats a channel that is closing by itself as a failure.
async fn delete_queue(connection: &Connection, queue: String) -> Result<(), Error> {
    within_limit("delete a queue", async {
        let channel = connection.create_channel().await?;
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        channel.close(200, "done".into()).await
    })
    .await
}

async fn delete_exchange(connection: &Connection, exchange: String) -> Result<(), Error> {
    within_limit("delete an exchange", async {
        let channel = connection.create_channel().await?;
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
        channel.close(200, "done".into()).await
    })
    .await
}

async fn connect(url: &Url) -> Result<Connection, Error> {
    within_limit("connect", Connection::connect(url.as_str(), ConnectionProperties::default())).await
}

async fn close(connection: &Connection) -> Result<(), Error> {
    within_limit("close a connection", connection.close(200, "done".into())).await
}

async fn within_limit<T>(
    doing: &'static str,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Error> {
    timeout(PATIENCE, work).await.map_err(|_| Error::TimedOut { doing })?.map_err(Error::broker(doing))
}

/// Reads the version from the first two frames of the protocol, because lapin does not report it.
///
/// This is also a cheap check whether anything listens. A broker behind TLS is not asked.
async fn version(url: &Url) -> Result<String, Error> {
    if url.scheme() != "amqp" {
        return Ok("of unknown version".to_owned());
    }
    let invalid = |reason| Error::Invalid { variable: Service::RabbitMq.variable(), reason };
    let host = url.host_str().ok_or_else(|| invalid("it has no host"))?;
    let greeting = async {
        let mut stream = TcpStream::connect((host, url.port().unwrap_or(5672))).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        let mut header = [0; 7];
        stream.read_exact(&mut header).await?;
        let [_, _, _, length @ ..] = header;
        let mut start = Vec::new();
        stream.take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut start).await?;
        Ok(start)
    };
    let start = greeting.await.map_err(Error::system("reach RabbitMQ"))?;
    Ok(version_in(&start).unwrap_or("of unknown version").to_owned())
}

/// Finds the text field `version` in the server properties of a `connection.start` frame.
fn version_in(start: &[u8]) -> Option<&str> {
    const FIELD: &[u8] = b"\x07versionS";
    let at = start.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let length = start.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    let text = start.get(at + 4..)?.get(..usize::try_from(length).ok()?)?;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_server_properties() {
        assert_eq!(version_in(b"\x00\x0a\x07versionS\x00\x00\x00\x063.10.8\x07product"), Some("3.10.8"));
        assert_eq!(version_in(b"\x07versionS\x00\x00\x00\x063.1"), None);
        assert_eq!(version_in(b""), None);
    }
}
