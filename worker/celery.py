"""The Celery app that `celery -A worker` finds, with its one task and the life cycle of its process."""

import contextlib
import gc
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import structlog
from celery import bootsteps, signals
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker import settings
from worker.core.batches.slices import IDS
from worker.engine.runtime import Runtime
from worker.engine.slice_progress import TaskProgress
from worker.engine.slice_work import StoppingError
from worker.monitoring.flower import drop_service_link, send_job_row, slice_event
from worker.monitoring.job_notifier import JobNotifier
from worker.process import streams
from worker.process.signal_handlers import install_signal_handlers
from worker.queue import intake, messages, refused_options
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.script_calls import Ticket
from worker.telemetry import logs
from worker.telemetry.traces import Service, Tracing, make_tracing
from worker.telemetry.traces.interface import TRACEPARENT

SLICES_IN_FLIGHT: Final = 4
"""Slices that a process works on at once. With one, nothing is sent at the end of each slice."""

log = structlog.get_logger(__name__)

_settings = settings.load()
intake.install()
app = messages.make_app(_settings)
app.conf.update(
    # Threads share one event loop and end cleanly. For more processes, start more workers.
    worker_pool="worker.queue.pool:WakingPool",
    worker_concurrency=SLICES_IN_FLIGHT,
)

refused_options.install(app)
# Flower imports this module before it reads its variables.
drop_service_link(os.environ)

_GC_THRESHOLD: Final = 50_000
"""Threshold of the garbage collector's first generation, in container objects. At Python's default of 700 it
took a fifth of the CPU at full speed and found next to nothing: objects of a request are freed by their
reference counts."""


@dataclass(slots=True)
class _Process:
    """The services of a process that works on slices."""

    runtime: Runtime
    tracing: Tracing | None
    notifier: JobNotifier | None = None

    def close(self) -> None:
        self.runtime.close()
        if self.notifier is not None:
            # Closed after slices were given back, since a job may have come to rest by that.
            self.notifier.close()
        if self.tracing is not None:
            self.tracing.close()


_processes: dict[int, _Process] = {}
"""By process id: a forked child must not use the services of its parent."""
_process_lock = threading.Lock()
_only_job: str | None = None


def serve_only(job_id: str | None) -> None:
    """Restricts this process to one job; None allows any. Call it before the worker starts."""
    global _only_job  # noqa: PLW0603 -- as the app, one a process.
    _only_job = job_id


def _this_process() -> _Process:
    """The services of this process, made on first use and so after a fork."""
    with _process_lock:
        pid = os.getpid()
        if pid not in _processes:
            # Imported modules stay for good: the collector need not visit them.
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
            tracing = make_tracing(_settings, Service.WORKER)
            _processes[pid] = _Process(Runtime(_settings, _send, tracing, _only_job), tracing)
        return _processes[pid]


def _send(job_id: str, tickets: Sequence[Ticket]) -> None:
    messages.send(app, job_id, tickets, _parent_of(job_id) if _is_traced() else None)


def _is_traced() -> bool:
    return (process := _processes.get(os.getpid())) is not None and process.tracing is not None


def _parent_of(job_id: str) -> str | None:
    """The span of a job's submission; None while Redis is away, which a trace is not worth waiting for."""
    try:
        return _traceparent(job_id)
    except RedisError:
        return None


@lru_cache(maxsize=1000)
def _traceparent(job_id: str) -> str | None:
    with sync_client(_settings.redis_url) as client:
        return JobStore(client).field(job_id, TRACEPARENT)


@app.task(name=messages.TASK, ignore_result=True, bind=True)
def run_slice(self: Any, *, job_id: str, slice_no: int, size: int = IDS) -> str:  # noqa: ARG001 -- for Flower.
    """Works on a slice of a job until it is settled or given back, then on some of those that follow.

    The returned summary and the argument `size` (ids) are for Flower.
    """

    def show(task: TaskProgress) -> None:
        # Only a display: if the event cannot be sent, the work goes on.
        with contextlib.suppress(OperationalError, OSError):
            self.send_event("task-progress", retry=False, **slice_event(task))

    process = _this_process()
    traceparent = None
    if process.tracing is not None:
        traceparent = getattr(self.request, TRACEPARENT, None) or _parent_of(job_id)
    try:
        return process.runtime.run_slice(job_id, slice_no, show, traceparent).words()
    except StoppingError:
        log.info("stopping: the slice is left to a sweep of another worker", job_id=job_id, slice=slice_no)
        return "left to another worker"


class _SignalHandlers(bootsteps.StartStopStep):  # type: ignore[misc]
    """Runs after Celery has installed its signal handlers and before it takes messages."""

    def start(self, _worker: Any) -> None:
        install_signal_handlers()


app.steps["worker"].add(_SignalHandlers)


@signals.celeryd_init.connect
def _configure_early(instance: Any, **_: Any) -> None:
    """Runs before Celery prints warnings and its banner, which are no log lines."""
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
    # In a prefork worker the children make their own services; the parent runs no tasks.
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
