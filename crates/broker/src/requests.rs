//! The queue of requests to the publishing task.
//!
//! Invariants: the queue is bounded. A request is answered exactly once. A request that has not begun at its deadline
//! is refused, so no caller waits for an unavailable broker.

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::{Error, QueueName};

/// A request of a caller.
pub(crate) struct Request {
    pub(crate) job: Job,
    /// When the job must have begun.
    pub(crate) deadline: Instant,
    pub(crate) answer: oneshot::Sender<Result<u32, Error>>,
}

/// The kinds of requests.
pub(crate) enum Job {
    /// Publish messages to the queue; the answer is their number.
    Publish(QueueName, Vec<Vec<u8>>),
    /// Make sure that the queue exists; the answer is the number of its ready messages.
    Declare(QueueName),
    /// Count the ready messages of the queue.
    Depth(QueueName),
}

impl Request {
    /// Answers the caller; does nothing if the caller is gone.
    pub(crate) fn reply(self, answer: Result<u32, Error>) {
        drop(self.answer.send(answer));
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed() && self.deadline > Instant::now()
    }
}

/// The receiving end of the queue.
pub(crate) struct RequestQueue {
    requests: mpsc::Receiver<Request>,
    /// The first request, removed from the channel to check its deadline.
    head: Option<Request>,
}

impl RequestQueue {
    /// A queue for this many requests.
    pub(crate) fn new(capacity: usize) -> (mpsc::Sender<Request>, Self) {
        let (sender, requests) = mpsc::channel(capacity);
        (sender, Self { requests, head: None })
    }

    /// Waits until a request arrives, and leaves it in the queue; false if no more can come.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.head.is_none() {
            self.head = self.requests.recv().await;
        }
        self.head.is_some()
    }

    /// Takes the first request that can still begin, and refuses the requests before it.
    pub(crate) fn take(&mut self) -> Option<Request> {
        while let Some(request) = self.head.take().or_else(|| self.requests.try_recv().ok()) {
            if request.is_wanted() {
                return Some(request);
            }
            request.reply(Err(Error::silent("take the request")));
        }
        None
    }

    /// Refuses every request at its deadline; returns only when no more can come.
    pub(crate) async fn refuse_late(&mut self, refusal: impl Fn() -> Error) {
        while self.wait().await {
            if let Some(head) = &self.head {
                sleep_until(head.deadline).await;
            }
            if let Some(late) = self.head.take() {
                late.reply(Err(refusal()));
            }
        }
    }

    /// Closes the queue and refuses all requests in it.
    pub(crate) fn close(&mut self) {
        self.requests.close();
        while let Some(request) = self.head.take().or_else(|| self.requests.try_recv().ok()) {
            request.reply(Err(Error::ShutDown));
        }
    }
}
