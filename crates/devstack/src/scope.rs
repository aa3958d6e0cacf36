//! The part of a stack for one test: its own database, and a prefix for its queues.
//!
//! A broker that is known only by its AMQP address cannot get a virtual host over AMQP. So tests are separated by the
//! names of their queues and exchanges, in every kind of stack.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime;
use url::Url;
use uuid::Uuid;

use crate::amqp::LockedQueue;
use crate::{Error, Stack, amqp, database};

const NAME_LENGTH: usize = 24;

/// [`Scope::close`] drops the database and deletes the tracked queues and exchanges. Dropping the scope does the same
/// as far as possible, and blocks meanwhile.
pub struct Scope {
    database_url: Url,
    queue_prefix: String,
    remains: Mutex<Option<Remains>>,
    amqp_url: Url,
}

/// What must be removed at the end.
struct Remains {
    admin_url: Url,
    amqp_url: Url,
    database: String,
    queues: Vec<String>,
    exchanges: Vec<String>,
}

impl Scope {
    /// The address of the database.
    pub fn database_url(&self) -> &str {
        self.database_url.as_str()
    }

    /// The address of the broker.
    pub fn amqp_url(&self) -> &str {
        self.amqp_url.as_str()
    }

    /// The prefix of all queues and exchanges of this scope: a letter and ten letters or digits.
    pub fn queue_prefix(&self) -> &str {
        &self.queue_prefix
    }

    /// Registers a queue for deletion at the end.
    pub fn track_queue(&self, name: impl Into<String>) {
        if let Some(remains) = self.remains().as_mut() {
            remains.queues.push(name.into());
        }
    }

    /// Creates a queue with this name that nothing else can use until the lock is dropped.
    pub async fn lock_queue(&self, name: &str) -> Result<LockedQueue, Error> {
        amqp::lock_queue(&self.amqp_url, name).await
    }

    /// Registers an exchange for deletion at the end.
    pub fn track_exchange(&self, name: impl Into<String>) {
        if let Some(remains) = self.remains().as_mut() {
            remains.exchanges.push(name.into());
        }
    }

    /// Removes everything, and returns an error for what could not be removed.
    pub async fn close(self) -> Result<(), Error> {
        let remains = self.remains().take();
        match remains {
            Some(remains) => remains.remove().await,
            None => Ok(()),
        }
    }

    /// Removes nothing at the end, for a private stack whose services may not answer then: everything ends with the stack.
    pub fn leave_to_stack(&self) {
        drop(self.remains().take());
    }

    pub(crate) async fn open(stack: &Stack, name: &str) -> Result<Self, Error> {
        let admin_url = stack.postgres().instance.url().clone();
        if stack.postgres().instance.is_given() {
            database::sweep(&admin_url).await?;
        }
        let letters =
            name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
        let name: String = letters.take(NAME_LENGTH).collect();
        let random = Uuid::new_v4().simple().to_string();
        let queue_prefix = format!("t{}", random.get(..10).unwrap_or(&random));
        let database = database::create(&admin_url, &format!("{name}_{queue_prefix}")).await?;
        let mut database_url = admin_url.clone();
        database_url.set_path(&database);
        let amqp_url = stack.rabbitmq().instance.url().clone();
        let remains = Remains {
            admin_url,
            amqp_url: amqp_url.clone(),
            database,
            queues: Vec::new(),
            exchanges: Vec::new(),
        };
        Ok(Self { database_url, queue_prefix, remains: Mutex::new(Some(remains)), amqp_url })
    }

    fn remains(&self) -> MutexGuard<'_, Option<Remains>> {
        self.remains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("queue_prefix", &self.queue_prefix).finish_non_exhaustive()
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let Some(remains) = self.remains().take() else { return };
        let removal = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(remains.remove()),
                Err(source) => Err(Error::System { doing: "make a runtime", source }),
            }
        });
        if let Ok(Err(error)) = removal.join() {
            tracing::warn!(error = error.chain(), "a scope could not be removed completely");
        }
    }
}

impl Remains {
    async fn remove(self) -> Result<(), Error> {
        let queues = amqp::delete(&self.amqp_url, self.queues, self.exchanges).await;
        database::drop_database(&self.admin_url, &self.database).await.and(queues)
    }
}
