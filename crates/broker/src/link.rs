//! One connection to the broker: made, watched and ended with a time limit on every step.
//!
//! Invariants:
//! - lapin's own recovery is off: a link that fails is dropped and a new one is made.
//! - No step is awaited without a limit ([`Link::within`]); lapin has none.
//! - A link that is dropped leaves nothing behind: shutting down the socket ends lapin's thread even when the
//!   broker or the network has gone silent, and tells the broker at once.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use crate::{Config, Error};

/// How often a link is looked at, beside what it reports by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How a publisher or consumer stands with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The first connection is being made, or the first after a pause; whether the broker is there is not known yet.
    Connecting,
    /// There is no connection; a new one is tried with growing pauses, for ever.
    Down,
    /// There is a connection.
    Up,
    /// There is a connection, and the broker takes no messages because of a resource alarm.
    Blocked,
    /// Paused by its owner: there is no connection on purpose.
    Paused,
}

/// One connection to the broker.
pub(crate) struct Link {
    connection: Connection,
    /// Dropped after the connection, whose farewell it cuts short.
    _line: Line,
    limit: Duration,
}

impl Link {
    /// Connects under a name that the broker shows to its operators.
    pub(crate) async fn open(config: &Config, name: &str) -> Result<Self, Error> {
        let uri = config.uri()?;
        let limit = config.connect_timeout;
        let line = Line::default();
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().map_err(Error::failed("connect"))?;
        let opened = line.0.clone();
        let connect = Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                // The limit stands here too, because this runs on lapin's thread and outlives the limit below.
                let stream =
                    timeout(limit, AsyncTcpStream::connect(&runtime, runtime.to_socket_addrs(address(&uri))))
                        .await;
                let stream = stream.map_err(std::io::Error::from)??;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    opened.keep(tcp.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => {
                        stream.into_tls(&uri.authority.host, OwnedTLSConfig::default().as_ref()).await?
                    }
                })
            },
            properties,
        );
        let Ok(connected) = timeout(limit, connect).await else {
            return Err(Error::silent("connect"));
        };
        let connection = connected.map_err(Error::failed("connect"))?;
        Ok(Self { connection, _line: line, limit: config.operation_timeout })
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

    /// Longest time to wait for any single answer.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the connection is there, as far as lapin knows.
    pub(crate) fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// Whether the broker has a resource alarm; lapin then writes nothing at all on this connection.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Returns when the link, or this channel of it, is lost; until then tells the state when it changes.
    ///
    /// lapin hands each event to one listener only, so this is called once for a link.
    pub(crate) async fn watch(&self, channel: &Channel, state: &watch::Sender<State>) {
        let events = self.connection.events_listener();
        pin_mut!(events);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !self.is_up() || !channel.status().connected() {
                return;
            }
            let reason = next_reason(&mut events, &mut looks).await;
            self.tell(state, &reason);
        }
    }

    /// Waits for the end of an alarm.
    pub(crate) async fn unblocked(&self) {
        while self.is_blocked() && self.is_up() {
            sleep(LOOK / 10).await;
        }
    }

    /// Ends the connection politely, for at most the limit; a link that is only dropped is cut off.
    pub(crate) async fn close(self) {
        // Nothing is written to a blocked connection, not even a farewell.
        if self.is_up() && !self.is_blocked() {
            // An error means that the connection is closed already.
            drop(self.within("close the connection", self.connection.close(200, "done".into())).await);
        }
    }

    fn tell(&self, state: &watch::Sender<State>, reason: &str) {
        let now = if self.is_blocked() { State::Blocked } else { State::Up };
        let before = state.send_replace(now);
        match (before, now) {
            (State::Up, State::Blocked) => {
                warn!(reason, "the broker has a resource alarm and takes no messages");
            }
            (State::Blocked, State::Up) => info!("the broker takes messages again"),
            _ => {}
        }
    }
}

/// Waits for an event or for the next look, and gives what the broker said about a block.
async fn next_reason(
    events: &mut (impl Stream<Item = Event> + Unpin),
    looks: &mut tokio::time::Interval,
) -> String {
    tokio::select! {
        event = events.next() => match event {
            Some(Event::ConnectionBlocked(reason)) => return reason,
            Some(_) => {}
            // Nothing will be told any more; go on looking.
            None => { looks.tick().await; }
        },
        _ = looks.tick() => {}
    }
    String::new()
}

fn address(uri: &AMQPUri) -> (String, u16) {
    (uri.authority.host.clone(), uri.authority.port)
}

/// A second handle to the socket of a connection, which cuts the line when it is dropped.
#[derive(Default)]
struct Line(Socket);

/// What the line knows of its socket, shared with the thread that connects.
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
    /// Keeps a handle to the socket, or cuts it if the line was given up in the meantime.
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
