//! The publishing task: connects, publishes round after round, answers other requests, and starts again when the
//! connection is lost.
//!
//! Invariants: without a connection, or while it is blocked, requests are refused at their deadline. After a round with
//! unanswered messages the connection is not used for another round, because the answers may still come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::link::Link;
use crate::metrics::Purpose;
use crate::publisher::KnownQueues;
use crate::requests::{Job, Request, RequestQueue};
use crate::round::{self, Batch, WINDOW};
use crate::{Config, Error, State, control, topology};

/// The most messages of a round, unless one request has more; keeps the wait of the next request short.
const ROUND: usize = 8 * WINDOW;
/// The channel is replaced at most this often.
const REPLACED_EVERY: Duration = Duration::from_secs(1);

/// Why the last attempt to connect failed, shared with the handles.
pub(crate) type Fault = Arc<Mutex<Option<Error>>>;

/// The publishing task.
pub(crate) struct PublisherTask {
    pub(crate) config: Config,
    pub(crate) shutdown: CancellationToken,
    pub(crate) messages: RequestQueue,
    pub(crate) questions: RequestQueue,
    pub(crate) queues: KnownQueues,
    pub(crate) state: watch::Sender<State>,
    /// Why the last attempt to connect failed, for callers that are refused meanwhile.
    pub(crate) fault: Fault,
}

impl PublisherTask {
    /// Runs until the shutdown, or until all handles are dropped.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        while !self.shutdown.is_cancelled() {
            let connected = Instant::now();
            match self.connect().await {
                Some(Ok((link, channel))) => {
                    self.note_fault(None);
                    let channel = Mutex::new(channel);
                    self.serve(&link, &channel).await;
                    self.state.send_replace(State::Down);
                    close_channel(&link, &current(&channel)).await;
                    link.close().await;
                }
                Some(Err(error)) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "the publisher cannot connect to RabbitMQ: {error}"
                    );
                    self.note_fault(Some(error));
                    self.state.send_replace(State::Down);
                }
                None => break,
            }
            backoff.connection_lived(connected.elapsed());
            if self.refuse_late_for(backoff.next()).await.is_none() {
                break;
            }
        }
        self.messages.close();
        self.questions.close();
    }

    /// Opens a connection, declares all known queues and opens a confirm channel. `None` if all handles are dropped.
    async fn connect(&mut self) -> Option<Result<(Link, Channel), Error>> {
        let (config, queues) = (self.config.clone(), KnownQueues::clone(&self.queues));
        self.while_refusing(async move {
            let link = Link::open(&config, Purpose::Publisher, "flowcast publisher").await?;
            declare(&link, &queues).await?;
            let channel = confirm_channel(&link).await?;
            Ok((link, channel))
        })
        .await
    }

    /// Waits, and meanwhile refuses requests at their deadlines.
    async fn refuse_late_for(&mut self, pause: Duration) -> Option<()> {
        self.while_refusing(sleep(pause)).await
    }

    /// Does `work` while there is no connection, and meanwhile refuses requests at their deadlines.
    async fn while_refusing<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let Self { shutdown, messages, questions, fault, .. } = self;
        let refusal = || Error::not_connected(fault.lock().unwrap_or_else(PoisonError::into_inner).clone());
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            done = work => Some(done),
            () = async { tokio::join!(messages.refuse_late(refusal), questions.refuse_late(refusal)); } => None,
        }
    }

    fn note_fault(&self, fault: Option<Error>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Uses a connection until it is lost, or until the shutdown.
    async fn serve(&mut self, link: &Link, channel: &Mutex<Channel>) {
        self.state.send_replace(State::Up);
        info!("the publisher is connected to RabbitMQ");
        let Self { shutdown, messages, questions, state, .. } = self;
        tokio::select! {
            () = publish(link, channel, messages, shutdown) => {}
            () = answer(link, questions) => {}
            () = link.watch(|| current(channel).status().connected(), state) => {
                warn!("the publisher has lost its connection to RabbitMQ");
            }
        }
    }
}

/// Publishes round after round; returns when the connection must not be used any more.
async fn publish(
    link: &Link,
    channel: &Mutex<Channel>,
    messages: &mut RequestQueue,
    shutdown: &CancellationToken,
) {
    let mut replaced: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            more = messages.wait() => if !more { return },
        }
        if link.is_blocked() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = link.unblocked() => {}
                () = messages.refuse_late(|| Error::Blocked) => return,
            }
            continue;
        }
        match publish_round(link, &current(channel), messages).await {
            Round::Answered => {}
            Round::Unanswered => {
                warn!(
                    "RabbitMQ did not confirm all messages; they count as not published, and are published again"
                );
                refuse_until_unblocked(link, messages).await;
                return;
            }
            Round::Refused if replaced.is_some_and(|at| at.elapsed() < REPLACED_EVERY) => {}
            Round::Refused => {
                replaced = Some(Instant::now());
                if !replace(link, channel).await {
                    return;
                }
            }
        }
    }
}

/// How RabbitMQ answered a round.
enum Round {
    Answered,
    /// It left messages unanswered.
    Unanswered,
    /// It refused all messages of a queue. The queue is full, or the channel does not know its leader: in RabbitMQ before version 3.12, a channel
    /// that was opened while a quorum queue had no leader refuses all messages for this queue for ever (rabbitmq-server, pull request 9241).
    Refused,
}

/// Replaces the channel; false if no other one can be opened. No message is outstanding on it.
async fn replace(link: &Link, channel: &Mutex<Channel>) -> bool {
    match confirm_channel(link).await {
        Ok(new) => {
            let old = std::mem::replace(&mut *channel.lock().unwrap_or_else(PoisonError::into_inner), new);
            close_channel(link, &old).await;
            true
        }
        Err(error) => {
            warn!(error = &error as &dyn std::error::Error, "the publisher cannot open a channel: {error}");
            false
        }
    }
}

fn current(channel: &Mutex<Channel>) -> Channel {
    channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn confirm_channel(link: &Link) -> Result<Channel, Error> {
    let channel = link.channel().await?;
    link.within("select confirms", channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// Publishes the waiting requests.
async fn publish_round(link: &Link, channel: &Channel, messages: &mut RequestQueue) -> Round {
    let (mut requests, mut batches, mut count) = (Vec::new(), Vec::new(), 0);
    while count < ROUND
        && let Some(mut request) = messages.take()
    {
        match batch(&mut request) {
            Ok((batch, size)) => {
                count += size;
                batches.push(batch);
                requests.push(request);
            }
            Err(error) => request.reply(Err(error)),
        }
    }
    round::publish(channel, &batches, link.limit()).await;
    let blocked = link.is_blocked();
    for (request, batch) in requests.into_iter().zip(&batches) {
        let alarm = blocked && !batch.is_answered();
        request.reply(if alarm { Err(Error::Blocked) } else { batch.result() });
    }
    if !batches.iter().all(Batch::is_answered) {
        Round::Unanswered
    } else if batches.iter().any(Batch::is_refused) {
        Round::Refused
    } else {
        Round::Answered
    }
}

fn batch(request: &mut Request) -> Result<(Batch, usize), Error> {
    match &mut request.job {
        Job::Publish(queue, bodies) => {
            let bodies = std::mem::take(bodies);
            let size = bodies.len();
            Ok((Batch::new(queue.short()?, bodies), size))
        }
        Job::Declare(_) | Job::Depth(_) => Err(Error::invalid("questions do not go to the confirm channel")),
    }
}

/// Answers other requests; returns when the connection must not be used any more.
async fn answer(link: &Link, questions: &mut RequestQueue) {
    control::serve(link, questions).await;
    refuse_until_unblocked(link, questions).await;
}

/// Keeps a blocked connection until the alarm ends, because a new connection would be blocked too.
async fn refuse_until_unblocked(link: &Link, requests: &mut RequestQueue) {
    tokio::select! {
        () = link.unblocked() => {}
        () = requests.refuse_late(|| Error::Blocked) => {}
    }
}

/// Declares every known queue. If RabbitMQ refuses one queue, the others are used all the same. A caller that needs the
/// refused queue gets the error when it publishes or declares. A queue with other arguments is used as it is.
async fn declare(link: &Link, queues: &KnownQueues) -> Result<(), Error> {
    let queues = queues.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for queue in &queues {
        match topology::ensure(link, queue).await {
            Err(error) if error.concerns_one_queue() => {
                warn!(
                    error = &error as &dyn std::error::Error, queue = %queue,
                    "cannot declare queue {queue}; the other queues are used: {error}"
                );
            }
            other => drop(other?),
        }
    }
    Ok(())
}

async fn close_channel(link: &Link, channel: &Channel) {
    if channel.status().connected() && link.is_up() && !link.is_blocked() {
        // An error means that the channel is closed already.
        drop(link.within("close a channel", channel.close(200, "done".into())).await);
    }
}
