//! One subscription: a channel on a connection, and its unacknowledged deliveries.
//!
//! Invariants: the prefetch is set before RabbitMQ may deliver. Acknowledgements of another generation are ignored. No
//! delivery of a closed channel is passed on. Every frame is sent with a time limit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::ReadyChunks;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, message};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::ack_window::{AckWindow, Frame, MOST_WAIT};
use crate::consumer_task::Order;
use crate::inbox::Inbox;
use crate::link::Link;
use crate::metrics::Purpose;
use crate::{Acknowledgement, Connection, Delivery, DeliveryTag, Error, QueueName, topology};

/// The most deliveries that are passed on at once.
const CHUNK: usize = 256;
/// How often the connection is checked, in addition to its own events.
const LOOK: Duration = Duration::from_secs(1);

/// Why a subscription ends without an error.
pub(crate) enum End {
    /// It was stopped, and no acknowledgement is outstanding.
    Stopped,
    /// It was paused; the sender must be notified when no delivery is held any more.
    Paused(oneshot::Sender<()>),
}

/// A subscription to a queue.
pub(crate) struct Subscription {
    // Dropped first: lapin cancels the consumer on its channel.
    arrivals: Pin<Box<ReadyChunks<lapin::Consumer>>>,
    consumer_tag: ShortString,
    channel: Channel,
    link: Arc<Link>,
    window: AckWindow,
    generation: u64,
    inbox: Arc<Inbox>,
}

impl Subscription {
    /// Connects if there is no connection, makes sure that the queue exists, and subscribes.
    pub(crate) async fn open(
        connection: Connection,
        queue: QueueName,
        prefetch: u16,
        (generation, inbox): (u64, Arc<Inbox>),
    ) -> Result<Self, Error> {
        let link = connection.link(Purpose::of(connection.config(), &queue)).await?;
        match topology::ensure(&link, &queue).await {
            Err(error @ Error::Mismatch { .. }) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the queue has other arguments than this version declares; it is used as it is"
                );
            }
            other => drop(other?),
        }
        let channel = link.channel().await?;
        link.within("set the prefetch", channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let named_by_broker = ShortString::default();
        let consume = channel.basic_consume(
            queue.short()?,
            named_by_broker,
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let consumer = link.within("start consuming", consume).await?;
        let consumer_tag = consumer.tag();
        let arrivals = Box::pin(consumer.ready_chunks(CHUNK));
        Ok(Self {
            arrivals,
            consumer_tag,
            channel,
            link,
            window: AckWindow::new(prefetch),
            generation,
            inbox,
        })
    }

    /// Receives and acknowledges until it is stopped or paused; an error means that the subscription is lost.
    pub(crate) async fn run(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        stop: &CancellationToken,
        hurry: &CancellationToken,
    ) -> Result<End, Error> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut receiving = true;
        loop {
            let due = self.window.next_due();
            tokio::select! {
                biased;
                () = hurry.cancelled() => return self.finish_with(End::Stopped).await,
                () = stop.cancelled(), if receiving => {
                    receiving = false;
                    self.stop_receiving().await?;
                }
                order = orders.recv() => if let Some(end) = self.execute(order, orders) {
                    return self.finish_with(end).await;
                },
                arrived = self.arrivals.next(), if receiving => self.receive(arrived)?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                _ = looks.tick() => self.look()?,
            }
            self.send(Instant::now()).await?;
            if !receiving && self.window.is_finished() {
                return self.finish_with(End::Stopped).await;
            }
        }
    }

    /// Closes the channel, and the connection if no other consumer uses the connection. RabbitMQ requeues deliveries that are not acknowledged.
    pub(crate) async fn close(self) {
        let Self { arrivals, channel, link, .. } = self;
        if channel.status().connected() && link.is_up() {
            // An error means that it is closed already.
            drop(link.within("close a channel", channel.close(200, "done".into())).await);
        }
        drop((arrivals, channel));
        if let Some(link) = Arc::into_inner(link) {
            link.close().await;
        }
    }

    /// Executes an order and all that wait behind it, up to one that ends the subscription.
    fn execute(&mut self, first: Option<Order>, more: &mut mpsc::UnboundedReceiver<Order>) -> Option<End> {
        let Some(mut order) = first else {
            // All handles are dropped: no more acknowledgements can come.
            return Some(End::Stopped);
        };
        let now = Instant::now();
        loop {
            match order {
                Order::Acknowledge(acknowledgements) => self.acknowledge(acknowledgements, now),
                Order::Pause(done) => return Some(End::Paused(done)),
                Order::Resume => {}
            }
            order = more.try_recv().ok()?;
        }
    }

    fn acknowledge(&mut self, acknowledgements: Vec<(DeliveryTag, Acknowledgement)>, now: Instant) {
        for (tag, acknowledgement) in acknowledgements {
            if tag.generation == self.generation {
                self.window.finish(tag.value, acknowledgement, now);
            }
        }
    }

    /// Passes deliveries on. If one of them is an error, none of them is valid.
    fn receive(&mut self, arrived: Option<Vec<lapin::Result<message::Delivery>>>) -> Result<(), Error> {
        let deliveries = self.admit(arrived)?;
        self.look()?;
        self.inbox.put(deliveries.into_iter());
        Ok(())
    }

    fn admit(
        &mut self,
        arrived: Option<Vec<lapin::Result<message::Delivery>>>,
    ) -> Result<Vec<Delivery>, Error> {
        // The stream ends when RabbitMQ cancels the consumer, for example because the queue was deleted.
        let arrived = arrived.ok_or_else(|| Error::silent("keep the consumer"))?;
        let mut deliveries = Vec::with_capacity(arrived.len());
        for delivery in arrived {
            let delivery = Delivery::new(self.generation, delivery.map_err(Error::failed("deliver"))?);
            if !self.window.deliver(delivery.tag.value) {
                return Err(Error::silent("number its deliveries one by one"));
            }
            deliveries.push(delivery);
        }
        Ok(deliveries)
    }

    fn look(&self) -> Result<(), Error> {
        let up = self.link.is_up() && self.channel.status().connected();
        if up { Ok(()) } else { Err(Error::silent("keep the connection")) }
    }

    /// Cancels the consumer and requeues the deliveries that were not passed on.
    async fn stop_receiving(&mut self) -> Result<(), Error> {
        let unread = self.inbox.close().into_iter().map(|tag| (tag, Acknowledgement::Requeue)).collect();
        self.acknowledge(unread, Instant::now());
        let cancel = self.channel.basic_cancel(self.consumer_tag.clone(), BasicCancelOptions::default());
        self.link.within("end the consumer", cancel).await?;
        // RabbitMQ may have sent more deliveries before it received the cancellation. Its answer ends the stream.
        loop {
            let arrivals = &mut self.arrivals;
            let arrived = self.link.within("end the deliveries", async { Ok(arrivals.next().await) }).await?;
            if arrived.is_none() {
                return Ok(());
            }
            let late = self.admit(arrived)?;
            let late = late.into_iter().map(|delivery| (delivery.tag, Acknowledgement::Requeue)).collect();
            self.acknowledge(late, Instant::now());
        }
    }

    /// Sends all frames that can be sent, including those that would wait behind unfinished deliveries.
    async fn finish_with(&mut self, end: End) -> Result<End, Error> {
        self.send(Instant::now() + MOST_WAIT).await?;
        Ok(end)
    }

    /// Sends the frames that are due.
    async fn send(&mut self, now: Instant) -> Result<(), Error> {
        let frames = self.window.frames(now);
        if frames.is_empty() {
            return Ok(());
        }
        // A `multiple` frame covers tags that the other frames acknowledge, so it is sent last.
        let (many, single): (Vec<Frame>, Vec<Frame>) =
            frames.into_iter().partition(|frame| matches!(frame, Frame::AckUpTo(_)));
        let all_at_once =
            |frames: Vec<Frame>| join_all(frames.into_iter().map(|frame| write(&self.channel, frame)));
        for frames in [single, many] {
            let written = async { all_at_once(frames).await.into_iter().collect::<lapin::Result<()>>() };
            self.link.within("acknowledge", written).await?;
        }
        Ok(())
    }
}

async fn write(channel: &Channel, frame: Frame) -> lapin::Result<()> {
    match frame {
        Frame::Ack(tag) => channel.basic_ack(tag, BasicAckOptions { multiple: false }).await,
        Frame::AckUpTo(tag) => channel.basic_ack(tag, BasicAckOptions { multiple: true }).await,
        Frame::Reject(tag) => channel.basic_reject(tag, BasicRejectOptions { requeue: false }).await,
        Frame::Requeue(tag) => {
            channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue: true }).await
        }
    }
}
