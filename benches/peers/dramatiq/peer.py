"""The fair job with Dramatiq, by its authors' advice.

- A message is acknowledged when its actor has ended: https://dramatiq.io/motivation.html, "automatic retries".
- Processes and threads: https://dramatiq.io/guide.html#workers; as many messages are prefetched as twice the threads, its default.
- Its queues are classic ones; the arguments of the queue are the one thing changed, so that it is a quorum queue as for all.
"""

import blocking_job
import dramatiq
import fair_job
from dramatiq.brokers.rabbitmq import RabbitmqBroker


class QuorumBroker(RabbitmqBroker):
    """The same broker with a quorum queue."""

    def _build_queue_arguments(self, queue_name):
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


dramatiq.set_broker(QuorumBroker(url=fair_job.AMQP_URL, confirm_delivery=True))


@dramatiq.actor(queue_name=fair_job.QUEUE, actor_name="deliver")
def deliver(job):
    blocking_job.deliver(job)
