//! A small TCP proxy that injects faults between a process and a service or provider.
//!
//! Faults apply to existing and new connections. Bytes that arrive during a black hole are delivered late, when it
//! ends, as after a network outage. So a half-open connection can be made and healed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How connections are treated.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Incremented by each cut; connections with an earlier number end.
    cuts: u64,
    /// Whether the last cut was a reset.
    with_reset: bool,
    black_hole: bool,
    refuse: bool,
    delay: Duration,
}

/// State shared by all connections.
struct Shared {
    target: SocketAddr,
    manners: watch::Sender<Faults>,
    is_listening: watch::Sender<bool>,
    /// Bytes that may still go to the target; at zero all connections are cut.
    bytes_left: AtomicU64,
    connections: AtomicU64,
}

/// A proxy for one address; dropping it ends every connection.
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of loopback and forwards everything to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            manners: watch::Sender::new(Faults::default()),
            is_listening: watch::Sender::new(true),
            bytes_left: AtomicU64::new(u64::MAX),
            connections: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, addr, Arc::clone(&shared)));
        Ok(Self { addr, shared, accepting })
    }

    /// The address of the proxy.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The number of connections made through the proxy so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Closes every connection in the normal way.
    pub fn cut(&self) {
        self.end_all(false);
    }

    /// Ends every connection with a TCP reset.
    pub fn reset(&self) {
        self.end_all(true);
    }

    /// Cuts all connections after this many more bytes to the target, even within a message.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Holds all bytes in both directions; new connections are accepted and stay silent.
    pub fn black_hole(&self, on: bool) {
        self.shared.manners.send_modify(|manners| manners.black_hole = on);
    }

    /// Accepts no new connections: the port is closed, like that of a service that is not running.
    ///
    /// The port is closed, or open again, when this returns.
    pub async fn refuse(&self, on: bool) {
        self.shared.manners.send_modify(|manners| manners.refuse = on);
        // An error means that the proxy does not listen any more.
        self.shared.is_listening.subscribe().wait_for(|is_listening| *is_listening != on).await.ok();
    }

    /// Delays all bytes by this time, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.shared.manners.send_modify(|manners| manners.delay = delay);
    }

    fn end_all(&self, with_reset: bool) {
        self.shared.end_all(with_reset);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.end_all(false);
    }
}

impl Shared {
    fn end_all(&self, with_reset: bool) {
        self.manners.send_modify(|manners| {
            manners.cuts += 1;
            manners.with_reset = with_reset;
        });
    }

    /// Subtracts bytes from the allowance. When it is used up, all connections are cut and the limit is removed.
    fn may_pass(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = self.bytes_left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return true;
        }
        if bytes < left {
            self.bytes_left.fetch_sub(bytes, Ordering::Relaxed);
            return true;
        }
        self.bytes_left.store(u64::MAX, Ordering::Relaxed);
        self.end_all(true);
        false
    }
}

/// Listens at the address, except while connections are refused.
async fn accept(mut listener: TcpListener, addr: SocketAddr, shared: Arc<Shared>) {
    let mut manners = shared.manners.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(client, Arc::clone(&shared)));
                continue;
            }
            refused = manners.wait_for(|manners| manners.refuse) => if refused.is_err() { return },
        }
        drop(listener);
        shared.is_listening.send_replace(false);
        if manners.wait_for(|manners| !manners.refuse).await.is_err() {
            return;
        }
        let Ok(again) = TcpListener::bind(addr).await else { return };
        listener = again;
        shared.is_listening.send_replace(true);
    }
}

/// Forwards between client and target until one of them ends, or a cut.
async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let mut manners = shared.manners.subscribe();
    let born = manners.borrow_and_update().cuts;
    let Ok(target) = TcpStream::connect(shared.target).await else { return };
    if client.set_nodelay(true).and_then(|()| target.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, mut to_client) = client.into_split();
    let (from_target, mut to_target) = target.into_split();
    let up = pump(from_client, &mut to_target, &shared, true);
    let down = pump(from_target, &mut to_client, &shared, false);
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = manners.wait_for(|manners| manners.cuts > born) => {}
    }
    let manners = *manners.borrow();
    if manners.cuts > born && manners.with_reset {
        for half in [to_client, to_target] {
            // The other side may be gone already.
            half.as_ref().set_zero_linger().ok();
            // Without the orderly shutdown that a dropped half performs.
            half.forget();
        }
    }
}

/// One direction.
async fn pump(mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, shared: &Shared, is_up: bool) {
    let mut manners = shared.manners.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(bytes) = from.read(&mut buffer).await {
        let delay = manners.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if manners.wait_for(|manners| !manners.black_hole).await.is_err() {
            return;
        }
        let Some(read) = buffer.get(..bytes).filter(|read| !read.is_empty()) else { return };
        if is_up && !shared.may_pass(bytes) {
            return;
        }
        if to.write_all(read).await.is_err() {
            return;
        }
    }
}
