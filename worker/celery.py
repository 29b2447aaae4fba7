"""The Celery app as `celery -A worker ...` finds it, with the one task and the process's life cycle."""

import os
import threading
from typing import Any, Final

import structlog
from celery import signals

from worker import logs, messages, settings
from worker.core.slices import IDS
from worker.engine.runtime import Runtime, StoppingError

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
_making = threading.Lock()


def runtime() -> Runtime:
    """The runtime of this process, made when it is first needed, so after a fork."""
    with _making:
        pid = os.getpid()
        if pid not in _runtimes:
            _runtimes[pid] = Runtime(_settings, lambda job_id, tickets: messages.send(app, job_id, tickets))
        return _runtimes[pid]


@app.task(name=messages.TASK, ignore_result=True)
def run_slice(*, job_id: str, slice_no: int, size: int = IDS) -> None:
    """Works on one slice of a job until it is settled or has to be given back. `size` is for Flower."""
    del size
    try:
        runtime().run_slice(job_id, slice_no)
    except StoppingError:
        log.info("stopping: the slice is left to a sweep of another worker", job_id=job_id, slice=slice_no)


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    logs.configure(_settings)


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    # In a prefork worker the children make their own; the parent does no work.
    if "prefork" not in type(sender.pool).__module__:
        runtime()


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
