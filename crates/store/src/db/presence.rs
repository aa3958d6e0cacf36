//! Whether a server that gives no answer accepts log-ins at all.
//!
//! A statement may take long, and a commit may wait for a synchronous standby. A server that is suspended or cut off looks the same to them,
//! but it accepts no log-in either. So it is left long before `answer_timeout` ends, if `DATABASE_URL` names another one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::db::connector::Connector;

/// How long a statement waits until the server is tried, and how long until it is tried again.
const TRIED_EVERY: Duration = Duration::from_secs(3);
/// A result is used by all statements that wait in this time.
const USED_FOR: Duration = Duration::from_secs(1);

/// The servers of a pool.
pub(crate) struct Presence {
    connector: Connector,
    tried: Mutex<HashMap<Arc<str>, (Instant, bool)>>,
}

impl Presence {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, tried: Mutex::default() }
    }

    /// Returns when this server accepts no log-in any more. It never returns if there is no other server.
    pub(crate) async fn lost(&self, server: &Arc<str>) {
        if !self.connector.has_several_servers() {
            std::future::pending::<()>().await;
        }
        loop {
            sleep(TRIED_EVERY).await;
            // The future that connects is large.
            if !Box::pin(self.accepts(server)).await {
                return;
            }
        }
    }

    async fn accepts(&self, server: &Arc<str>) -> bool {
        let mut tried = self.tried.lock().await;
        if let Some((_, accepts)) = tried.get(server).filter(|(at, _)| at.elapsed() < USED_FOR) {
            return *accepts;
        }
        let accepts = self.connector.accepts_log_ins(server).await;
        tried.insert(Arc::clone(server), (Instant::now(), accepts));
        accepts
    }
}
