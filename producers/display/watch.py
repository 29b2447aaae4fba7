"""Watches a job until it rests: live lines on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from producers.display.live_view import LiveView, as_line, as_lines
from producers.display.speed import SpeedMeter
from worker.core.errors import BulkActivateError
from worker.core.job import AT_REST, State
from worker.core.reporting.schema import Report
from worker.reports.status import read_report
from worker.store.connect import is_mendable
from worker.store.job_reader import WORKERS_WITHIN_MS
from worker.store.jobs import JobStore

_POLL: Final = 0.25
"""Seconds between two reports."""
MAX_OUTAGE: Final = 600.0
"""Seconds that Redis may be away. A failover, or loading many jobs from disk, takes minutes."""
_PLAIN_INTERVAL: Final = 5.0
"""Seconds between two lines if stderr is no terminal."""


class WatchTimeoutError(BulkActivateError):
    """The watch has ended; the job goes on."""

    exit_code = 124


def watch(
    store: JobStore,
    job_id: str,
    *,
    timeout: float | None = None,
    on_poll: Callable[[], None] = lambda: None,
    max_outage: float = MAX_OUTAGE,
    own_worker: bool = False,
) -> Report:
    """Shows progress until the job rests or is paused, and returns its report.

    `on_poll` is called after every report. `own_worker` says that a worker was just started for this job, so
    its absence is no warning yet. Waits up to `max_outage` seconds for a Redis that is away, as workers do.
    Raises `WatchTimeoutError` after `timeout` seconds, `NoSuchJobError`, and `RedisError`.
    """
    ends = None if timeout is None else time.monotonic() + timeout
    meter = SpeedMeter()
    outage = _RedisOutage(max_outage)
    worker_starting = own_worker
    with _display() as display:
        while True:
            try:
                view = _read_view(store, job_id, meter, worker_starting=worker_starting)
                worker_starting = view.worker_starting
            except RedisError as error:
                if (notice := outage.continue_or_raise(error, time.monotonic())) is not None:
                    display.say(
                        f"{notice}: it is waited for, and workers go on with job {job_id} once it is back"
                    )
            else:
                outage.ended()
                display.show(view)
                if view.report.state in AT_REST or view.report.state is State.PAUSED:
                    return view.report
            if ends is not None and time.monotonic() >= ends:
                raise WatchTimeoutError(
                    f"job {job_id} does not rest after {timeout:g} s; it goes on:"
                    f" bulk-activate status {job_id} --watch"
                )
            on_poll()
            time.sleep(_POLL)


def _read_view(store: JobStore, job_id: str, meter: SpeedMeter, *, worker_starting: bool) -> LiveView:
    store.expire_if_due(job_id)
    report = read_report(store, job_id)
    now = meter.add(time.monotonic(), report)
    workers = store.live_workers(WORKERS_WITHIN_MS)
    return LiveView(report, store.now_ms(), workers, now, worker_starting=worker_starting and not workers)


class _RedisOutage:
    """An outage of Redis while a job is watched."""

    def __init__(self, max_outage: float) -> None:
        self._max_outage = max_outage
        self._since: float | None = None

    def continue_or_raise(self, error: RedisError, now: float) -> str | None:
        """Returns a notice at the first error of an outage.

        Raises `error` if waiting cannot help, or has not helped for `max_outage` seconds. `now` is monotonic.
        """
        is_first = self._since is None
        self._since = now if self._since is None else self._since
        if not is_mendable(error) or now - self._since >= self._max_outage:
            raise error
        return f"Redis cannot be used ({type(error).__name__})" if is_first else None

    def ended(self) -> None:
        self._since = None


class _Display(Protocol):
    def show(self, view: LiveView) -> None: ...
    def say(self, notice: str) -> None: ...


@contextmanager
def _display() -> Iterator[_Display]:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainLines()
        return
    # Drawn at each report, never by a timer; the last lines stay on the screen.
    with Live(console=console, auto_refresh=False) as live:
        yield _LiveLines(live)


class _LiveLines:
    """A few lines on a terminal, redrawn at each report."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, view: LiveView) -> None:
        self._live.update(as_lines(view), refresh=True)

    def say(self, notice: str) -> None:
        self._live.console.print(notice, markup=False)


class _PlainLines:
    """A line at each change of state, and every few seconds in between."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._next = 0.0

    def show(self, view: LiveView) -> None:
        now = time.monotonic()
        if view.report.state is self._state and now < self._next:
            return
        self._state = view.report.state
        self._next = now + _PLAIN_INTERVAL
        self.say(as_line(view))

    def say(self, notice: str) -> None:
        print(notice, file=sys.stderr, flush=True)  # noqa: T201 -- progress for people.
