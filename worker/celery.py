"""The Celery app as `celery -A worker ...` finds it, with the one task and the process's life cycle."""

import contextlib
import gc
import os
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import structlog
from celery import bootsteps, signals
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker import intake, logs, messages, refused_options, settings, streams
from worker.core.slices import IDS
from worker.engine.account import Account
from worker.engine.runtime import Runtime, StoppingError
from worker.flower import send_job_row, slice_event
from worker.job_notifier import JobNotifier
from worker.signal_handlers import install_signal_handlers
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.steps import Ticket
from worker.traces import Tracing, make_tracing
from worker.traces.interface import TRACEPARENT

SLICES_IN_FLIGHT: Final = 4
"""Slices that one process works on at once: with one, there is a gap at the end of each."""

log = structlog.get_logger(__name__)

_settings = settings.load()
intake.install()
app = messages.make_app(_settings)
app.conf.update(
    # Threads share the process's one loop and end cleanly; more processes are more workers.
    worker_pool="worker.pool:WakingPool",
    worker_concurrency=SLICES_IN_FLIGHT,
)

refused_options.install(app)

_GC_THRESHOLD: Final = 50_000
"""Containers made and still there, for a look for cycles among the young. At Python's 700 these looks took a
fifth of the CPU at full speed and found next to nothing: what a request makes goes as its last name does."""


@dataclass(slots=True)
class _Process:
    """What a process that works on slices lives by."""

    runtime: Runtime
    tracing: Tracing | None
    notifier: JobNotifier | None = None

    def close(self) -> None:
        self.runtime.close()
        if self.notifier is not None:
            # After the slices have been given back: the job may rest by now.
            self.notifier.close()
        if self.tracing is not None:
            self.tracing.close()


_processes: dict[int, _Process] = {}
"""By process id: a fork inherits its parent's, and has no use for it."""
_process_lock = threading.Lock()
_only_job: str | None = None


def serve_only(job_id: str | None) -> None:
    """Has this process work on one job alone; None for any. To be said before the worker starts."""
    global _only_job  # noqa: PLW0603 -- as the app, one a process.
    _only_job = job_id


def _this_process() -> _Process:
    """Made when it is first needed, so after a fork."""
    with _process_lock:
        pid = os.getpid()
        if pid not in _processes:
            # What was imported stays for good: it is looked through no more.
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
            tracing = make_tracing(_settings)
            _processes[pid] = _Process(Runtime(_settings, _send, tracing, _only_job), tracing)
        return _processes[pid]


def _send(job_id: str, tickets: Sequence[Ticket]) -> None:
    messages.send(app, job_id, tickets, _parent_of(job_id) if _is_traced() else None)


def _is_traced() -> bool:
    return (process := _processes.get(os.getpid())) is not None and process.tracing is not None


def _parent_of(job_id: str) -> str | None:
    """The span that submitted a job; a trace is worth no wait for Redis."""
    try:
        return _traceparent(job_id)
    except RedisError:
        return None


@lru_cache(maxsize=1000)
def _traceparent(job_id: str) -> str | None:
    with sync_client(_settings.redis_url) as client:
        return JobStore(client).field(job_id, TRACEPARENT)


@app.task(name=messages.TASK, ignore_result=True, bind=True)
def run_slice(self: Any, *, job_id: str, slice_no: int, size: int = IDS) -> str:
    """Works on one slice of a job until it is settled or has to be given back; what came of it, in words.

    Those, and `size`, are for Flower.
    """

    def show(account: Account) -> None:
        # A picture, not the record: where it cannot be sent the work goes on.
        with contextlib.suppress(OperationalError, OSError):
            self.send_event("task-progress", retry=False, **slice_event(account))

    process = _this_process()
    span: AbstractContextManager[None] = nullcontext()
    if process.tracing is not None:
        parent = getattr(self.request, TRACEPARENT, None) or _parent_of(job_id)
        span = process.tracing.slice_span(parent, job_id, slice_no, size)
    try:
        with span:
            return process.runtime.run_slice(job_id, slice_no, show).words()
    except StoppingError:
        log.info("stopping: the slice is left to a sweep of another worker", job_id=job_id, slice=slice_no)
        return "left to another worker"


class _SignalHandlers(bootsteps.StartStopStep):  # type: ignore[misc]
    """Begins after Celery has set its handlers, and before it takes messages."""

    def start(self, _worker: Any) -> None:
        install_signal_handlers()


app.steps["worker"].add(_SignalHandlers)


@signals.celeryd_init.connect
def _configure_early(instance: Any, **_: Any) -> None:
    """Before Celery warns, and greets whoever started it: that is no line of a log."""
    logs.configure(_settings)
    logs.log_uncaught()
    if logs.as_json(_settings):
        instance.quiet = True
        streams.discard_stdout()


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    logs.configure(_settings)


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    # In a prefork worker the children make their own; the parent does no work.
    if "prefork" not in type(sender.pool).__module__:
        _this_process().notifier = JobNotifier(
            sync_client(_settings.redis_url), lambda report: send_job_row(app, sender.hostname, report)
        )


@signals.heartbeat_sent.connect
def _note_consumer_alive(**_: Any) -> None:
    if (process := _processes.get(os.getpid())) is not None:
        process.runtime.consumer_lives()


@signals.worker_shutting_down.connect
def _stop_soon(**_: Any) -> None:
    if (process := _processes.get(os.getpid())) is not None:
        process.runtime.stop_soon()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def _close(**_: Any) -> None:
    if (process := _processes.pop(os.getpid(), None)) is not None:
        process.close()
