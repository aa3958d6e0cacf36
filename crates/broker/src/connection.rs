//! One connection to RabbitMQ for several consumers.
//!
//! A connection costs a socket, a thread and memory on both sides, so a process that consumes the queues of a hundred senders has one.
//!
//! Invariants: at most one attempt to connect runs at a time. A consumer that waited while another one's attempt failed shares the failure, so a
//! hundred consumers do not wait for a hundred time limits. The connection is closed when no consumer uses it.

use std::sync::{Arc, Weak};

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::link::Link;
use crate::metrics::Purpose;
use crate::{Config, Error};

/// A connection that consumers share: made when the first of them needs it, and made again after it was lost. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    config: Arc<Config>,
    name: Arc<str>,
    attempt: Arc<Mutex<Attempt>>,
}

/// The last attempt to connect.
#[derive(Debug, Default)]
struct Attempt {
    link: Weak<Link>,
    failed: Option<(Instant, Error)>,
}

impl Connection {
    /// A connection that RabbitMQ shows to operators under this name.
    pub fn new(config: Config, name: &str) -> Self {
        Self { config: Arc::new(config), name: name.into(), attempt: Arc::default() }
    }

    /// How to connect.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The connection, which is made if there is none.
    pub(crate) async fn link(&self, purpose: Purpose) -> Result<Arc<Link>, Error> {
        let asked = Instant::now();
        let mut attempt = self.attempt.lock().await;
        if let Some(link) = attempt.link.upgrade() {
            if link.is_up() {
                return Ok(link);
            }
            link.note_if_lost();
        }
        if let Some((failed_at, fault)) = &attempt.failed
            && *failed_at > asked
        {
            return Err(fault.clone());
        }
        match Link::open(&self.config, purpose, &self.name).await {
            Ok(link) => {
                let link = Arc::new(link);
                *attempt = Attempt { link: Arc::downgrade(&link), failed: None };
                Ok(link)
            }
            Err(error) => {
                attempt.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
