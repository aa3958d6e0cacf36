//! Changes of gates: senders and campaigns that were stopped, opened or given another rate.
//!
//! The transaction that changes a gate adds it to `gate_change` and notifies (triggers of V14). A reading returns changes that
//! were committed since the previous reading: changes by transactions that were not visible in the previous snapshot. So no
//! change is missed, whatever the order in which transactions begin and commit. A reading without changes costs one look-up in a
//! small index, with any number of senders, campaigns and processes.
//!
//! A notification says only that there is a change. Connection poolers and fail-overs lose notifications, so a watch also reads
//! from time to time. A watch has its own connection, which it replaces when the connection breaks; meanwhile it reads through
//! the pool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::{CampaignId, CampaignState, Rate, SenderId, StopReason};
use futures::StreamExt;
use futures::stream::poll_fn;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Row, Statement};

use crate::campaigns::finish_and_cancel::CANCELLED;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::senders::rate::rate_of;

/// A connection without an answer after this time counts as broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Pause before a broken connection is replaced.
const CONNECT_AGAIN: Duration = Duration::from_millis(500);

const LISTEN: &str = "listen flowcast_gate";

/// A snapshot in which no transaction is visible.
const BEGINNING: &str = "1:1:";

const READ: &str = "
with changed as materialized (
    select distinct sender_id, campaign_id from gate_change
    where transaction_id >= pg_snapshot_xmin($1::text::pg_snapshot)
        and not pg_visible_in_snapshot(transaction_id, $1::text::pg_snapshot)
)
select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time() as server,
    g.sender_id, c.id as campaign_id, coalesce(g.epoch, c.epoch) as epoch, g.is_open, c.state, h.reason, h.code,
    slow.permits, ceil(coalesce(g.per_us, 1000000) / slow.pace)::bigint as per_us, g.paused_until > clock_timestamp() as is_paused
from (select 1) always left join changed on true
left join sender_gate g on g.sender_id = changed.sender_id
left join campaign c on c.id = changed.campaign_id
left join hold h on h.ended_at is null and h.sender_id = coalesce(g.sender_id, c.sender_id)
    and h.campaign_id is not distinct from c.id
left join lateral (
    select coalesce(g.permits, case when pace < 1 then 1000 end) as permits, pace
    from (select pace_now(g.pace, g.slowed_at) as pace) now
) slow on g.sender_id is not null";

/// The owner of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateOf {
    /// A sender's.
    Sender(SenderId),
    /// A campaign's.
    Campaign(CampaignId),
}

/// The current state of a gate that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateState {
    /// The owner.
    pub of: GateOf,
    /// The epoch.
    pub epoch: i64,
    /// The reason and the code of the stop; `None`: the gate is open.
    pub closed: Option<(StopReason, String)>,
    /// The current rate of a sender; `None`: no limit.
    pub limit: Option<Rate>,
    /// Whether a pause that the provider asked for is not over.
    pub is_paused: bool,
}

/// Watches changes of gates.
pub struct GateWatch {
    store: Store,
    link: Arc<Link>,
    listening: JoinHandle<()>,
    /// The snapshot of the last reading, and the start time of its server: another server may reuse transaction ids that this
    /// server lost.
    seen: Option<(Timestamp, String)>,
}

/// The connection of a watch.
#[derive(Default)]
struct Link {
    reader: Mutex<Option<Arc<Reader>>>,
    notified: Notify,
}

struct Reader {
    client: Client,
    read: Statement,
}

impl GateWatch {
    /// Waits until a change is notified, or may have been while there was no connection.
    pub async fn notified(&self) {
        self.link.notified.notified().await;
    }

    /// The gates that were changed since the last reading. The first reading returns the changes of the last hour.
    pub async fn read(&mut self) -> Result<Vec<GateState>, Error> {
        let since = self.seen.as_ref().map_or(BEGINNING, |(_, snapshot)| snapshot);
        let mut rows = self.ask(since).await?;
        let mut seen = read_seen(&rows)?;
        if self.seen.as_ref().is_some_and(|(server, _)| *server != seen.0) {
            rows = self.ask(BEGINNING).await?;
            seen = read_seen(&rows)?;
        }
        let states =
            rows.iter().filter_map(|row| read_state(row).transpose()).collect::<Result<_, Error>>()?;
        self.seen = Some(seen);
        Ok(states)
    }

    async fn ask(&self, since: &str) -> Result<Vec<Row>, Error> {
        if let Some(reader) = self.link.reader() {
            let asked = async { reader.client.query(&reader.read, &[&since]).await };
            if let Ok(Ok(rows)) = tokio::time::timeout(ANSWER_WITHIN, metrics::GATE_CHANGES.time(asked)).await
            {
                return Ok(rows);
            }
            self.link.set(None);
        }
        let client = self.store.client().await?;
        Ok(client.query(&client.prepare_cached(READ).await?, &[&since]).await?)
    }
}

impl Drop for GateWatch {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Link {
    fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, reader: Option<Reader>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader.map(Arc::new);
        self.notified.notify_one();
    }
}

impl Store {
    /// Begins to watch gates, with a connection outside the pool.
    pub fn watch_gates(&self) -> GateWatch {
        let (store, link) = (self.clone(), Arc::new(Link::default()));
        let listening = tokio::spawn(keep_listening(store.clone(), Arc::clone(&link)));
        GateWatch { store, link, listening, seen: None }
    }
}

async fn keep_listening(store: Store, link: Arc<Link>) {
    loop {
        if let Err(error) = listen(&store, &link).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "the connection that watches gates ended: {error}");
        }
        link.set(None);
        tokio::time::sleep(CONNECT_AGAIN).await;
    }
}

/// Listens until the connection ends.
async fn listen(store: &Store, link: &Link) -> Result<(), Error> {
    let (client, mut connection) = store.own_connection().await?;
    let mut messages = poll_fn(move |context| connection.poll_message(context));
    let begin = async {
        client.batch_execute(LISTEN).await?;
        let read = client.prepare(READ).await?;
        link.set(Some(Reader { client, read }));
        Ok::<(), tokio_postgres::Error>(())
    };
    let follow = async {
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(_) = message? {
                link.notified.notify_one();
            }
        }
        Ok(())
    };
    tokio::try_join!(begin, follow)?;
    Ok(())
}

fn read_seen(rows: &[Row]) -> Result<(Timestamp, String), Error> {
    let row = rows.first().ok_or_else(|| Error::unreadable("a reading of gates without a row"))?;
    Ok((row.get("server"), row.get("snapshot")))
}

/// The gate of a row; `None`: nothing was changed, or the owner was deleted.
fn read_state(row: &Row) -> Result<Option<GateState>, Error> {
    let stop = |default: &str| {
        let reason: Option<&str> = row.get("reason");
        let reason = reason.map_or(Ok(StopReason::Operator), str::parse).map_err(Error::unreadable)?;
        let code: Option<&str> = row.get("code");
        Ok::<_, Error>((reason, code.unwrap_or(default).to_owned()))
    };
    let sender: Option<i64> = row.get("sender_id");
    let campaign: Option<i64> = row.get("campaign_id");
    let (of, closed) = match (sender, campaign) {
        (Some(id), _) => {
            let closed = (!row.get::<_, bool>("is_open")).then(|| stop("sender_stopped")).transpose()?;
            (GateOf::Sender(SenderId(id)), closed)
        }
        (None, Some(id)) => {
            let state: CampaignState = row.get::<_, &str>("state").parse().map_err(Error::unreadable)?;
            let closed = match state {
                CampaignState::Running => None,
                CampaignState::Cancelled => Some(stop(CANCELLED)?),
                CampaignState::Draft | CampaignState::Paused | CampaignState::Finished => {
                    Some(stop("campaign_stopped")?)
                }
            };
            (GateOf::Campaign(CampaignId(id)), closed)
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(GateState {
        of,
        epoch: row.get("epoch"),
        closed,
        limit: rate_of(row.get("permits"), row.get("per_us"), Some(1)),
        is_paused: row.get::<_, Option<bool>>("is_paused").unwrap_or(false),
    }))
}
