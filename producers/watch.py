"""Watches a job until it rests: live lines on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live

from producers.look import Look, line, lines
from producers.speed import Speed
from worker.core.errors import BulkActivateError
from worker.core.job import AT_REST, State
from worker.core.report import Report
from worker.reports.status import read_report
from worker.store.jobs import WORKERS_WITHIN_MS, JobStore

_POLL: Final = 0.25
_PLAIN_EVERY: Final = 5.0
"""Seconds between two lines where the stream is no terminal."""


class WatchTimedOutError(BulkActivateError):
    """The watch ended, the job goes on."""

    exit_code = 124


def watch(
    store: JobStore, job_id: str, *, timeout: float | None = None, tick: Callable[[], None] = lambda: None
) -> Report:
    """The report once the job rests or is paused. `tick` is called at every look.

    Raises `WatchTimedOutError`, `NoSuchJobError`, and what Redis raises.
    """
    ends = None if timeout is None else time.monotonic() + timeout
    speed = Speed()
    with _display() as show:
        while True:
            store.settle_deadline(job_id)
            report = read_report(store, job_id)
            now = speed.add(time.monotonic(), report)
            show(Look(report, store.now_ms(), store.live_workers(WORKERS_WITHIN_MS), now))
            if report.state in AT_REST or report.state is State.PAUSED:
                return report
            if ends is not None and time.monotonic() >= ends:
                raise WatchTimedOutError(
                    f"job {job_id} is still {report.state} after {timeout:g} s; it goes on:"
                    f" bulk-activate status {job_id} --watch"
                )
            tick()
            time.sleep(_POLL)


@contextmanager
def _display() -> Iterator[Callable[[Look], None]]:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Plain()
        return
    # Drawn when there is something new, never by a timer; the last lines stay.
    with Live(console=console, auto_refresh=False) as live:
        yield lambda look: live.update(lines(look), refresh=True)


class _Plain:
    """A line at each change of state, and one every few seconds between."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._next = 0.0

    def __call__(self, look: Look) -> None:
        now = time.monotonic()
        if look.report.state is self._state and now < self._next:
            return
        self._state = look.report.state
        self._next = now + _PLAIN_EVERY
        print(line(look), file=sys.stderr, flush=True)  # noqa: T201 -- progress for people.
