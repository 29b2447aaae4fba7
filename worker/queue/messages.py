"""The one kind of message in the queue: 'there may be work on this slice of this job'.

It carries no token id and no secret. Producers import this module; only workers import the task's body.
"""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from celery import Celery
from kombu.entity import Queue

from worker.core import envelope
from worker.queue.broker import broker_conf
from worker.settings import Settings
from worker.store.script_calls import Ticket
from worker.telemetry.traces.interface import TRACEPARENT

TASK: Final = envelope.TASK
QUEUE: Final = "bulk-activation"
QUEUES: Final = 8
"""Number of queues, which workers read in turn. All messages of a job go to one of them, so those of a small
job rarely wait behind those of a large one."""
QUEUE_NAMES: Final = tuple(f"{QUEUE}.{number}" for number in range(QUEUES))


def make_app(settings: Settings) -> Celery:
    """The Celery app, for producers and workers alike."""
    app = Celery("bulk_activation", set_as_current=False)
    app.conf.update(
        **broker_conf(settings.redis_url),
        task_default_queue=QUEUE_NAMES[0],
        # Messages go straight to the queue's key: a table of bindings would be one more thing to damage.
        task_queues=[Queue(name, no_declare=True) for name in QUEUE_NAMES],  # type: ignore[no-untyped-call]
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # Acknowledged when a thread takes it, not when its slice is done: a message only wakes a worker,
        # and a sweep sends a lost one again. Late acknowledgement would cause what it is meant to prevent:
        # copies of every unacknowledged message at each reconnect and, in celery 5.7.0, the death of a worker
        # whose task ends while Redis restarts.
        task_acks_late=False,
        task_publish_retry_policy={"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2},
        broker_connection_retry_on_startup=True,
        # Unlimited: by default a worker exits after about 45 minutes without Redis.
        broker_connection_max_retries=None,
        # During a failover a blocked read fails with an error that is no connection error; without this the
        # worker exits.
        broker_channel_error_retry=True,
        worker_prefetch_multiplier=1,
        # A message waits in the queue for any free worker, not inside a busy one.
        worker_disable_prefetch=True,
        worker_send_task_events=True,
        task_send_sent_event=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def send(app: Celery, job_id: str, tickets: Sequence[Ticket], traceparent: str | None = None) -> None:
    """Sends one message per ticket. Raises kombu's exceptions.

    `traceparent` identifies the job's span, if it is traced.
    """
    headers = None if traceparent is None else {TRACEPARENT: traceparent}
    with app.producer_or_acquire() as producer:
        for ticket in tickets:
            # Flower cuts long text: the slice number comes first, since no other column has it.
            kwargs = {"slice_no": ticket.slice_no, "job_id": job_id, "size": ticket.size}
            app.send_task(TASK, kwargs=kwargs, producer=producer, queue=queue_of(job_id), headers=headers)


def queue_of(job_id: str) -> str:
    """The queue for the messages of a job."""
    return QUEUE_NAMES[crc32(job_id.encode()) % QUEUES]
