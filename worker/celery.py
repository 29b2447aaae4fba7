"""The Celery app as `celery -A worker ...` finds it, with the one task and the process's life cycle."""

import contextlib
import os
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Final

import structlog
from celery import signals
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker import logs, messages, settings
from worker.core.slices import IDS
from worker.engine.account import Account
from worker.engine.runtime import Runtime, StoppingError
from worker.flower import show_job, slice_event
from worker.jobwatch import JobWatch
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.steps import Ticket
from worker.traces import Tracing, make_tracing
from worker.traces.parent import HEADER

SLICES_IN_FLIGHT: Final = 4
"""Slices that one process works on at once: with one, there is a gap at the end of each."""

log = structlog.get_logger(__name__)

_settings = settings.load()
app = messages.make_app(_settings)
app.conf.update(
    # Threads share the process's one loop and end cleanly; more processes are more workers.
    worker_pool="threads",
    worker_concurrency=SLICES_IN_FLIGHT,
)

_runtimes: dict[int, Runtime] = {}
_watches: dict[int, JobWatch] = {}
_tracings: dict[int, Tracing] = {}
_making = threading.Lock()


def runtime() -> Runtime:
    """The runtime of this process, made when it is first needed, so after a fork."""
    with _making:
        pid = os.getpid()
        if pid not in _runtimes:
            if (tracing := make_tracing(_settings)) is not None:
                _tracings[pid] = tracing
            _runtimes[pid] = Runtime(_settings, _send, tracing)
        return _runtimes[pid]


def _send(job_id: str, tickets: Sequence[Ticket]) -> None:
    messages.send(app, job_id, tickets, _parent_of(job_id) if _tracings else None)


def _parent_of(job_id: str) -> str | None:
    """The span that submitted a job; a trace is worth no wait for Redis."""
    try:
        return _traceparent(job_id)
    except RedisError:
        return None


@lru_cache(maxsize=1000)
def _traceparent(job_id: str) -> str | None:
    with sync_client(_settings.redis_url) as client:
        return JobStore(client).field(job_id, HEADER)


@app.task(name=messages.TASK, ignore_result=True, bind=True)
def run_slice(self: Any, *, job_id: str, slice_no: int, size: int = IDS) -> str:
    """Works on one slice of a job until it is settled or has to be given back; what came of it, in words.

    Those, and `size`, are for Flower.
    """

    def show(account: Account) -> None:
        # A picture, not the record: where it cannot be sent the work goes on.
        with contextlib.suppress(OperationalError, OSError):
            self.send_event("task-progress", retry=False, **slice_event(account))

    work = runtime()
    tracing = _tracings.get(os.getpid())
    span: AbstractContextManager[None] = nullcontext()
    if tracing is not None:
        parent = getattr(self.request, HEADER, None) or _parent_of(job_id)
        span = tracing.working(parent, job_id, slice_no, size)
    try:
        with span:
            return work.run_slice(job_id, slice_no, show).words()
    except StoppingError:
        log.info("stopping: the slice is left to a sweep of another worker", job_id=job_id, slice=slice_no)
        return "left to another worker"


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    logs.configure(_settings)


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    # In a prefork worker the children make their own; the parent does no work.
    if "prefork" not in type(sender.pool).__module__:
        runtime()
        _watches[os.getpid()] = JobWatch(
            sync_client(_settings.redis_url), lambda report: show_job(app, sender.hostname, report)
        )


@signals.heartbeat_sent.connect
def _consumer_lives(**_: Any) -> None:
    if (mine := _runtimes.get(os.getpid())) is not None:
        mine.consumer_lives()


@signals.worker_shutting_down.connect
def _stop_soon(**_: Any) -> None:
    if (mine := _runtimes.get(os.getpid())) is not None:
        mine.stop_soon()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def _close(**_: Any) -> None:
    if (mine := _runtimes.pop(os.getpid(), None)) is not None:
        mine.close()
    if (watch := _watches.pop(os.getpid(), None)) is not None:
        # After the slices have been given back: the job may rest by now.
        watch.close()
    if (tracing := _tracings.pop(os.getpid(), None)) is not None:
        tracing.close()
