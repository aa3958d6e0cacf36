//! One connection to RabbitMQ: opened, watched and closed with a time limit on every step.
//!
//! Invariants:
//! - lapin's own recovery is off: a link that fails is dropped and a new one is made.
//! - No step is awaited without a limit ([`Link::within`]); lapin has none.
//! - A dropped link leaves nothing behind. Shutting down the socket ends lapin's thread even if RabbitMQ or the network
//!   is silent, and RabbitMQ notices it at once.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use lapin::tcp::AsyncTcpStream;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use crate::dial::dial;
use crate::metrics::{self, Purpose};
use crate::tls::Handshake;
use crate::{Addresses, Config, Error};

/// How often a link is checked, in addition to its own events.
const LOOK: Duration = Duration::from_secs(1);

/// The state of a publisher's or consumer's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The first connection is being made, or the first after a pause; whether RabbitMQ is available is not known yet.
    Connecting,
    /// There is no connection. Attempts are repeated with growing pauses until the owner stops.
    Down,
    /// There is a connection.
    Up,
    /// There is a connection, but RabbitMQ accepts no messages because of a resource alarm.
    Blocked,
    /// Paused by its owner: there is intentionally no connection.
    Paused,
}

impl State {
    /// Its name in metrics and health.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Down => "down",
            Self::Up => "up",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
        }
    }
}

/// One connection to RabbitMQ.
pub(crate) struct Link {
    connection: Connection,
    /// Dropped after the connection: cutting the socket interrupts the farewell of a connection that is dropped.
    _line: Line,
    limit: Duration,
    addresses: Addresses,
    node: SocketAddr,
    is_closed: bool,
}

impl Link {
    /// Connects under a name that RabbitMQ shows to operators.
    pub(crate) async fn open(config: &Config, purpose: Purpose, name: &str) -> Result<Self, Error> {
        let _step = telemetry::step(telemetry::Stage::Connect);
        let opened = dial(config, name).await;
        metrics::count_connect(purpose, &opened);
        opened
    }

    /// Connects to one node within `limit`, with TLS if there is a `handshake`.
    pub(crate) async fn connect(
        config: &Config,
        (uri, node): (AMQPUri, SocketAddr),
        handshake: Option<Handshake>,
        limit: Duration,
        name: &str,
    ) -> Result<Self, Error> {
        let line = Line::default();
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().map_err(Error::failed("connect"))?;
        let opened = line.0.clone();
        let connector = handshake.as_ref().map(|handshake| handshake.connector.clone());
        let connect = Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                // The limit is also set here, because this runs on lapin's thread and outlives the limit below.
                let stream = timeout(limit, AsyncTcpStream::connect(&runtime, node)).await;
                let stream = stream.map_err(std::io::Error::from)??;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    opened.keep(tcp.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                match &connector {
                    None => Ok(stream),
                    Some(connector) => Ok(stream.into_rustls(connector, &uri.authority.host).await?),
                }
            },
            properties,
        );
        let explain = |error| match &handshake {
            Some(handshake) => handshake.explain(error),
            None => error,
        };
        let connection = match timeout(limit, connect).await {
            Ok(connected) => connected.map_err(explain).map_err(Error::failed("connect"))?,
            Err(_) if handshake.as_ref().is_some_and(Handshake::lacks_certificate) => {
                let silent = std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    format!("no answer within {limit:.1?}"),
                );
                return Err(Error::failed("connect")(explain(silent.into())));
            }
            Err(_) => return Err(Error::silent("connect")),
        };
        Ok(Self {
            connection,
            _line: line,
            limit: config.operation_timeout,
            addresses: config.url.clone(),
            node,
            is_closed: false,
        })
    }

    /// A new channel.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        self.within("open a channel", self.connection.create_channel()).await
    }

    /// Awaits one step for at most the operation timeout.
    pub(crate) async fn within<T>(
        &self,
        doing: &'static str,
        step: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Error> {
        match timeout(self.limit, step).await {
            Ok(done) => done.map_err(Error::failed(doing)),
            Err(_) => Err(Error::silent(doing)),
        }
    }

    /// The time limit of a single answer.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the connection exists, according to lapin.
    pub(crate) fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// Whether RabbitMQ has a resource alarm; lapin then writes nothing at all on this connection.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Returns when the link is lost, or its channel is not open any more. Until then it reports changes of the state.
    ///
    /// lapin passes each event to one listener only, so this is called once for a link.
    pub(crate) async fn watch(&self, is_open: impl Fn() -> bool, state: &watch::Sender<State>) {
        let events = self.connection.events_listener();
        pin_mut!(events);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !self.is_up() || !is_open() {
                return;
            }
            let reason = next_reason(&mut events, &mut looks).await;
            self.report_state(state, &reason);
        }
    }

    /// Waits for the end of a resource alarm.
    pub(crate) async fn unblocked(&self) {
        while self.is_blocked() && self.is_up() {
            sleep(LOOK / 10).await;
        }
    }

    /// Tries this node after all others for a while, if the connection was lost.
    pub(crate) fn note_if_lost(&self) {
        if !self.is_closed && !self.is_up() {
            self.addresses.note_failure(self.node);
        }
    }

    /// Closes the connection, for at most the time limit. A link that is only dropped is cut off.
    pub(crate) async fn close(mut self) {
        // Nothing is written to a blocked connection, not even the closing.
        if self.is_up() && !self.is_blocked() {
            let closed = self.within("close the connection", self.connection.close(200, "done".into())).await;
            // Otherwise the connection was closed already.
            if matches!(closed, Err(Error::Unavailable { source: None, .. })) {
                self.addresses.note_failure(self.node);
            }
            self.is_closed = true;
        }
    }

    fn report_state(&self, state: &watch::Sender<State>, reason: &str) {
        let now = if self.is_blocked() { State::Blocked } else { State::Up };
        let before = state.send_replace(now);
        match (before, now) {
            (State::Up, State::Blocked) => {
                warn!(reason, "RabbitMQ has a resource alarm and accepts no messages");
            }
            (State::Blocked, State::Up) => info!("RabbitMQ accepts messages again"),
            _ => {}
        }
    }
}

/// Waits for an event or the next check, and returns RabbitMQ's reason of a block.
async fn next_reason(
    events: &mut (impl Stream<Item = Event> + Unpin),
    looks: &mut tokio::time::Interval,
) -> String {
    tokio::select! {
        event = events.next() => match event {
            Some(Event::ConnectionBlocked(reason)) => return reason,
            Some(_) => {}
            // No more events will come; the checks continue.
            None => { looks.tick().await; }
        },
        _ = looks.tick() => {}
    }
    String::new()
}

impl Drop for Link {
    fn drop(&mut self) {
        self.note_if_lost();
    }
}

/// A second handle to the socket of a connection, which shuts the socket down when it is dropped.
#[derive(Default)]
struct Line(Socket);

/// The state of the socket, shared with the thread that connects.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Stage>>);

#[derive(Default)]
enum Stage {
    #[default]
    Connecting,
    Connected(TcpStream),
    Cut,
}

impl Socket {
    /// Stores a handle to the socket, or shuts it down if the line was given up meanwhile.
    fn keep(&self, stream: TcpStream) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *stage {
            Stage::Cut => cut(&stream),
            Stage::Connecting | Stage::Connected(_) => *stage = Stage::Connected(stream),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut stage = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Connected(stream) = std::mem::replace(&mut *stage, Stage::Cut) {
            cut(&stream);
        }
    }
}

fn cut(stream: &TcpStream) {
    // An error means that the socket is closed already.
    drop(stream.shutdown(Shutdown::Both));
}
