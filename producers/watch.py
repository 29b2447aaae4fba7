"""Watches a job until it rests: live lines on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from producers.look import Look, line, lines
from producers.speed import Speed
from worker.core.errors import BulkActivateError
from worker.core.job import AT_REST, State
from worker.core.report import Report
from worker.reports.status import read_report
from worker.store.connect import is_mendable
from worker.store.jobs import WORKERS_WITHIN_MS, JobStore

_POLL: Final = 0.25
PATIENCE: Final = 600.0
"""Seconds without Redis. A failover, or loading many jobs from disk, takes minutes."""
_PLAIN_EVERY: Final = 5.0
"""Seconds between two lines where the stream is no terminal."""


class WatchTimedOutError(BulkActivateError):
    """The watch ended, the job goes on."""

    exit_code = 124


def watch(
    store: JobStore,
    job_id: str,
    *,
    timeout: float | None = None,
    tick: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
    own_worker: bool = False,
) -> Report:
    """The report once the job rests or is paused. `tick` is called at every look.

    `own_worker`: one was just started for this job alone; until it is seen, nobody misses one.

    A Redis that is away is waited for, `patience` seconds: workers do so too, and go on with the job.
    Raises `WatchTimedOutError`, `NoSuchJobError`, and what Redis raises.
    """
    ends = None if timeout is None else time.monotonic() + timeout
    speed = Speed()
    away = _Away(patience)
    starting = own_worker
    with _display() as display:
        while True:
            try:
                look = _look(store, job_id, speed, starting=starting)
                starting = look.starting
            except RedisError as error:
                if (words := away.met(error, time.monotonic())) is not None:
                    display.say(
                        f"{words}: it is waited for, and workers go on with job {job_id} once it is back"
                    )
            else:
                away.over()
                display.show(look)
                if look.report.state in AT_REST or look.report.state is State.PAUSED:
                    return look.report
            if ends is not None and time.monotonic() >= ends:
                raise WatchTimedOutError(
                    f"job {job_id} does not rest after {timeout:g} s; it goes on:"
                    f" bulk-activate status {job_id} --watch"
                )
            tick()
            time.sleep(_POLL)


def _look(store: JobStore, job_id: str, speed: Speed, *, starting: bool) -> Look:
    store.settle_deadline(job_id)
    report = read_report(store, job_id)
    now = speed.add(time.monotonic(), report)
    workers = store.live_workers(WORKERS_WITHIN_MS)
    return Look(report, store.now_ms(), workers, now, starting=starting and not workers)


class _Away:
    """Since when Redis has not been there for us."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None

    def met(self, error: RedisError, now: float) -> str | None:
        """What to say of it, once an outage. Raises `error` where no waiting mends it, or none did."""
        is_first = self._since is None
        self._since = now if self._since is None else self._since
        if not is_mendable(error) or now - self._since >= self._patience:
            raise error
        return f"Redis cannot be used ({type(error).__name__})" if is_first else None

    def over(self) -> None:
        self._since = None


class _Display(Protocol):
    def show(self, look: Look) -> None: ...
    def say(self, words: str) -> None: ...


@contextmanager
def _display() -> Iterator[_Display]:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Plain()
        return
    # Drawn when there is something new, never by a timer; the last lines stay.
    with Live(console=console, auto_refresh=False) as live:
        yield _Drawn(live)


class _Drawn:
    """A few lines that are drawn anew at each look."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, look: Look) -> None:
        self._live.update(lines(look), refresh=True)

    def say(self, words: str) -> None:
        self._live.console.print(words, markup=False)


class _Plain:
    """A line at each change of state, and one every few seconds between."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._next = 0.0

    def show(self, look: Look) -> None:
        now = time.monotonic()
        if look.report.state is self._state and now < self._next:
            return
        self._state = look.report.state
        self._next = now + _PLAIN_EVERY
        self.say(line(look))

    def say(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)  # noqa: T201 -- progress for people.
