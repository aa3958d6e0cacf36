//! Confirmed publishing: a handle to the one task that owns the connection and its confirm channel.
//!
//! Invariants: every message of every caller goes through that one task. `Ok` means that RabbitMQ has every message on
//! disk in its queue. While RabbitMQ is unavailable, a caller waits at most the operation timeout until its request
//! begins.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Purpose};
use crate::publisher_task::{Fault, PublisherTask};
use crate::requests::{Job, Request, RequestQueue};
use crate::{Config, Error, QueueName, State};

/// Requests that may wait; further callers wait until there is space.
const WAITING_REQUESTS: usize = 64;

/// A handle to the publishing task; clones share the task, its connection and its bounded queue.
#[derive(Clone, Debug)]
pub struct Publisher {
    messages: mpsc::Sender<Request>,
    questions: mpsc::Sender<Request>,
    queues: KnownQueues,
    state: watch::Receiver<State>,
    limit: Duration,
    fault: Fault,
}

/// All queues declared through this publisher; each new connection declares them again.
pub(crate) type KnownQueues = Arc<Mutex<BTreeSet<QueueName>>>;

impl Publisher {
    /// Starts the publishing task, which connects, and retries until it is stopped.
    ///
    /// When `shutdown` is cancelled, the task finishes the current work, closes the connection and ends.
    pub fn start(config: Config, shutdown: CancellationToken) -> (Self, JoinHandle<()>) {
        let (messages, message_intake) = RequestQueue::new(WAITING_REQUESTS);
        let (questions, question_intake) = RequestQueue::new(WAITING_REQUESTS);
        let (state_sender, state) = watch::channel(State::Connecting);
        let queues = KnownQueues::default();
        metrics::follow(Purpose::Publisher, state.clone());
        let limit = config.operation_timeout;
        let fault = Fault::default();
        let worker = PublisherTask {
            config,
            shutdown,
            messages: message_intake,
            questions: question_intake,
            queues: Arc::clone(&queues),
            state: state_sender,
            fault: Fault::clone(&fault),
        };
        let publisher = Self { messages, questions, queues, state, limit, fault };
        (publisher, tokio::spawn(worker.run()))
    }

    /// Publishes messages to a queue, and returns when all of them are confirmed.
    ///
    /// After an error, publish all of them again: some may be in the queue. If RabbitMQ is unavailable or blocked, it
    /// returns early, within the operation timeout. For a queue that does not exist the error counts `returned`
    /// messages; [`declare`](Self::declare) the queue then. Dropping the future does not withdraw the messages.
    pub async fn publish(&self, queue: &QueueName, bodies: Vec<Vec<u8>>) -> Result<(), Error> {
        if bodies.is_empty() {
            return Ok(());
        }
        self.ask(&self.messages, Job::Publish(queue.clone(), bodies)).await.map(drop)
    }

    /// The number of ready messages in a queue; a queue that does not exist is declared.
    pub async fn depth(&self, queue: &QueueName) -> Result<u32, Error> {
        self.ask(&self.questions, Job::Depth(queue.clone())).await
    }

    /// Makes sure that a queue exists, now and after every reconnection.
    pub async fn declare(&self, queue: &QueueName) -> Result<(), Error> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.clone());
        self.ask(&self.questions, Job::Declare(queue.clone())).await.map(drop)
    }

    /// The state of the connection, and a way to wait for a change.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Why the last attempt to connect failed; useful while the state is [`State::Down`].
    pub fn last_failure(&self) -> Error {
        Error::not_connected(self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn ask(&self, line: &mpsc::Sender<Request>, job: Job) -> Result<u32, Error> {
        let deadline = Instant::now() + self.limit;
        let (answer, answered) = oneshot::channel();
        match timeout_at(deadline, line.reserve()).await {
            Ok(Ok(place)) => place.send(Request { job, deadline, answer }),
            Ok(Err(_)) => return Err(Error::ShutDown),
            Err(_) => return Err(self.refusal()),
        }
        // The task drops a request without an answer if the connection is lost while the request is served.
        answered.await.unwrap_or_else(|_| Err(Error::silent("answer")))
    }

    fn refusal(&self) -> Error {
        if *self.state.borrow() == State::Blocked {
            Error::Blocked
        } else {
            Error::silent("take the request")
        }
    }
}
