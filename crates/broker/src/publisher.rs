//! Confirmed publishing: a handle to the one task that owns the connection and its confirm channel.
//!
//! Invariants: every message of every caller goes through that one task; `Ok` means that the broker has every
//! message on disk in its queue; a caller never waits for a broker that is away longer than the operation
//! timeout before its request begins.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::publisher_task::{Fault, PublisherTask};
use crate::requests::{Job, Request, RequestQueue};
use crate::{Config, Error, QueueName, State};

/// Requests in the queue; further callers wait for a place in it.
const ROOM: usize = 64;

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

/// All queues that were declared through this publisher; each new connection declares them again.
pub(crate) type KnownQueues = Arc<Mutex<BTreeSet<QueueName>>>;

impl Publisher {
    /// Starts the publishing task, which connects by itself, for ever.
    ///
    /// When `shutdown` is cancelled it finishes what it has begun, closes the connection and ends.
    pub fn start(config: Config, shutdown: CancellationToken) -> (Self, JoinHandle<()>) {
        let (messages, message_intake) = RequestQueue::new(ROOM);
        let (questions, question_intake) = RequestQueue::new(ROOM);
        let (state_sender, state) = watch::channel(State::Connecting);
        let queues = KnownQueues::default();
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

    /// Puts messages into a queue, and returns when all of them are safe there.
    ///
    /// After an error, publish all of them again: some may be in the queue. It returns
    /// early, within the operation timeout, when the broker is away or blocked. A queue that does not exist is
    /// an error with `returned` messages; [`declare`](Self::declare) it then. Dropping the future does not
    /// take the messages back.
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

    /// Why the last attempt to connect failed; of use while the state is [`State::Down`].
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
        // The task drops the request without an answer when the connection is lost while it is served.
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
