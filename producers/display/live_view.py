"""The live view of a watched job: a few lines on a terminal, one line elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from producers.display.speed import CurrentSpeed
from producers.waiting import Progress
from worker.core.duration import show_duration
from worker.core.job import ReasonCode, State
from worker.core.outcome import Outcome
from worker.core.reason import MAX_NAME
from worker.core.reporting.schema import Report
from worker.core.visible import visible

_COLOURS: Final = (
    (Outcome.ACTIVATED, "green"),
    (Outcome.ALREADY_ACTIVE, "cyan"),
    (Outcome.FAILED, "red"),
    (Outcome.UNKNOWN, "yellow"),
    (Outcome.AMBIGUOUS, "yellow"),
    (Outcome.NOT_ATTEMPTED, "bright_black"),
)
_MOVING: Final = (State.QUEUED, State.RUNNING, State.CANCELLING)
_MAX_REASONS: Final = 5
"""Groups of failures shown while the job runs."""


@dataclass(frozen=True, slots=True)
class LiveView(Progress):
    """What one poll of a watched job has read."""

    speed: CurrentSpeed | None = None
    worker_starting: bool = False
    """Whether a worker was started for this job and has not sent a heartbeat yet."""


def as_line(view: LiveView) -> str:
    """The progress of the job as one line of text."""
    report = view.report
    counts = report.counts
    parts = [str(report.state), f"{report.settled():,}/{counts['total']:,} ids"]
    parts += [
        f"{counts[name]:,} {name.replace('_', ' ')}"
        for name, _ in _COLOURS
        if counts[name] or name is Outcome.ACTIVATED
    ]
    parts += [str(text) for text in (*_speed_texts(view), *_worker_texts(view), *_reason_texts(view))]
    return ", ".join(parts)


def as_lines(view: LiveView) -> RenderableType:
    """The progress for a terminal of any width, with the most frequent reasons of failures."""
    report = view.report
    total = report.counts["total"]
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True)
    # Workers go here: on the line below, which a hold lengthens at times, they would not fit.
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(total=total or 1, completed=report.settled() if total else 1)
    done = f"{report.progress.percent:.1f} %  {report.settled():,} of {total:,} ids"
    head.add_row(Text(report.state, style="bold"), next(_worker_texts(view), ""), bar, done)
    counts = Text("  ").join(
        Text(f"{report.counts[name]:,} {name.replace('_', ' ')}", style=colour)
        for name, colour in _COLOURS
        if report.counts[name]
    )
    rows: list[RenderableType] = [head, counts or Text("nothing settled yet", style="bright_black")]
    rows.append(Text("  ").join((*_speed_texts(view), *_reason_texts(view))))
    if report.failures:
        rows.append(_failure_table(report))
    # The cursor rests on an empty line: the terminal's own ^C would wrap a full line and shift the redraw.
    return Group(*rows, "")


def _speed_texts(view: LiveView) -> Iterator[Text]:
    """Speed, time left and hold."""
    report = view.report
    if view.speed is not None and report.state in _MOVING:
        allowed = f" of {round(report.rate.current, 1):g}" if report.rate.current is not None else ""
        yield Text(f"{view.speed.requests:.1f}{allowed} requests/s")
        yield Text(f"{view.speed.ids:,.0f} ids/s")
    if (left := view.seconds_left()) is not None:
        yield Text(f"{show_duration(left)} left")
    if (held := view.hold_seconds()) and report.state in _MOVING:
        yield Text(f"held by a 429 for {max(1, round(held))}s", style="yellow")


def _worker_texts(view: LiveView) -> Iterator[Text]:
    if view.report.state in _MOVING:
        if view.worker_starting:
            yield Text("its worker starts")
        elif view.workers:
            yield Text(f"{view.workers} worker{'' if view.workers == 1 else 's'}")
        else:
            yield Text("no worker is alive", style="red")


def _reason_texts(view: LiveView) -> Iterator[Text]:
    why = view.report.state_reason
    # A running job shows neither who resumed it nor what an earlier run met.
    obsolete = why.code == ReasonCode.USER or (
        view.worker_starting and why.code == ReasonCode.API_UNAVAILABLE
    )
    if why.code is not None and not (obsolete and view.report.state is State.RUNNING):
        words = visible(f"{why.code}: {why.message}" if why.message else why.code)
        yield Text(words, style="yellow")


def _failure_table(report: Report) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=MAX_NAME)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    # Sorted by name: rows that change places with every count are hard to read.
    for group in sorted(report.failures[:_MAX_REASONS], key=lambda group: group.reason):
        table.add_row(
            f"{group.count:,}", Text(visible(group.reason), style="red"), Text(visible(group.message))
        )
    hidden = len(report.failures) - _MAX_REASONS
    if hidden > 0:
        table.add_row("", Text(f"and {hidden} more reasons", style="bright_black"), "")
    return table
