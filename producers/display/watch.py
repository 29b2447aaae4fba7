"""Watches a job until it rests: live lines on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.live import Live

from producers.display.live_view import LiveView, as_line, as_lines
from producers.display.speed import CurrentSpeed, SpeedMeter
from producers.job import Job
from producers.waiting import MAX_OUTAGE, Outage, Progress
from worker.core.reporting.schema import Report

if TYPE_CHECKING:
    from worker.core.job import State

_PLAIN_INTERVAL: Final = 5.0
"""Seconds between two lines if stderr is no terminal."""


def watch(
    job: Job,
    *,
    timeout: float | None = None,
    on_poll: Callable[[], None] = lambda: None,
    max_outage: float = MAX_OUTAGE,
    own_worker: bool = False,
) -> Report:
    """Shows progress until the job rests or is paused, and returns its report.

    `on_poll` is called after each report but the last. `own_worker` says that a worker was just started for
    this job, so its absence is no warning yet. Raises as `Job.follow` does.
    """
    meter = SpeedMeter()
    worker_starting = own_worker
    with _display() as display:
        for step in job.follow(timeout, max_outage=max_outage):
            if isinstance(step, Outage):
                if step.is_new:
                    display.say(
                        f"{step.why}: it is waited for, and workers go on with job {job.id} once it is back"
                    )
            else:
                speed = meter.add(time.monotonic(), step.report)
                worker_starting = worker_starting and not step.workers
                display.show(_view(step, speed, worker_starting=worker_starting))
                if step.is_last:
                    break
            on_poll()
    assert isinstance(step, Progress), "the last step is progress"
    return step.report


def _view(step: Progress, speed: CurrentSpeed | None, *, worker_starting: bool) -> LiveView:
    return LiveView(step.report, step.now_ms, step.workers, speed, worker_starting=worker_starting)


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
