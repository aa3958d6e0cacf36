"""The fair job with Celery, by its authors' advice.

- acks_late, so that a message is acknowledged after its task, and reject_on_worker_lost, so that it comes back when a
  process dies: https://docs.celeryq.dev/en/stable/faq.html#should-i-use-retry-or-acks-late
- quorum queues: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#using-quorum-queues
- many short tasks want a large prefetch multiplier, 64 or 128, and results that nobody reads are ignored:
  https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits
"""

import os

import blocking_job
import fair_job
from celery import Celery
from kombu import Exchange, Queue

app = Celery("peer", broker=fair_job.AMQP_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=int(os.environ.get("PEER_PREFETCH", 64)),
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    task_default_queue=fair_job.QUEUE,
    task_default_queue_type="quorum",
    task_default_exchange_type="topic",
    task_queues=[
        Queue(
            fair_job.QUEUE,
            Exchange(fair_job.QUEUE, type="topic"),
            routing_key=fair_job.QUEUE,
            queue_arguments={"x-queue-type": "quorum"},
        )
    ],
)


@app.task(name="deliver")
def deliver(job):
    blocking_job.deliver(job)
