"""Watches a job until it rests: a live line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from worker.core.duration import show_duration
from worker.core.errors import BulkActivateError
from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome
from worker.core.report import Report
from worker.reports.status import read_report
from worker.store.jobs import JobStore

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
    with _display() as show:
        while True:
            store.settle_deadline(job_id)
            report = read_report(store, job_id)
            show(report)
            if report.state in AT_REST or report.state is State.PAUSED:
                return report
            if ends is not None and time.monotonic() >= ends:
                raise WatchTimedOutError(
                    f"job {job_id} is still {report.state} after {timeout:g} s; it goes on:"
                    f" bulk-activate status {job_id} --watch"
                )
            tick()
            time.sleep(_POLL)


def line(report: Report) -> str:
    """Where the job stands, in one line."""
    counts = report.counts
    parts = [
        f"{report.state}",
        f"{report.settled():,}/{counts['total']:,} ids",
        f"{counts[Outcome.ACTIVATED]:,} activated",
    ]
    shown = (
        Outcome.ALREADY_ACTIVE,
        Outcome.FAILED,
        Outcome.UNKNOWN,
        Outcome.AMBIGUOUS,
        Outcome.NOT_ATTEMPTED,
    )
    parts += [f"{counts[name]:,} {name.replace('_', ' ')}" for name in shown if counts[name]]
    if report.state is State.RUNNING and report.progress.ids_per_second:
        parts.append(f"{report.progress.ids_per_second:,.0f} ids/s")
        left = counts["total"] - report.settled()
        parts.append(f"{show_duration(left / report.progress.ids_per_second)} left")
    if report.rate.held_until is not None:
        parts.append("held by the API's rate limit")
    if report.state_reason.code is not None:
        parts.append(f"{report.state_reason.code}: {report.state_reason.message or ''}".rstrip(": "))
    return ", ".join(parts)


@contextmanager
def _display() -> Iterator[Callable[[Report], None]]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Plain()
        return
    # On a narrow terminal the words give way, not the bar.
    words = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    columns = (BarColumn(bar_width=20), TextColumn("{task.percentage:>5.1f} %"), TimeElapsedColumn(), words)
    with Progress(*columns, console=console, refresh_per_second=4, expand=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda report: _redraw(bar, task, report)


def _redraw(bar: Progress, task: TaskID, report: Report) -> None:
    total = report.counts["total"]
    description = line(report).replace("[", "\\[")
    bar.update(task, description=description, total=total or 1, completed=report.settled() if total else 1)


class _Plain:
    """A line at each change of state, and one every few seconds between."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._next = 0.0

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        if report.state is self._state and now < self._next:
            return
        self._state = report.state
        self._next = now + _PLAIN_EVERY
        print(line(report), file=sys.stderr, flush=True)  # noqa: T201 -- progress for people.
