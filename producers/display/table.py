"""Prints reports on stdout: tables for people, JSON for programs."""

from collections.abc import Iterable
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from worker.core.job import ReasonCode
from worker.core.outcome import COUNTED
from worker.core.reporting.bottleneck import bottleneck
from worker.core.reporting.schema import Report
from worker.core.visible import visible
from worker.reports.verdict import verdict

_PIPE_WIDTH: Final = 160
"""Columns of the table where stdout is no terminal: wide enough that little is folded."""

_MIN_WIDTH_FOR_MESSAGES: Final = 120
"""Columns of the terminal from which reason and message fit side by side without breaking words."""


def as_json(value: object) -> None:
    """Prints one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def printable(text: str) -> str:
    """`text` for a table: markup escaped, control and invisible characters made visible."""
    return escape(visible(text))


def as_table(report: Report) -> None:
    """Prints a report for a person."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(f"[bold]Job {printable(report.job_id)}[/bold]  {report.state}")
    console.print(printable(verdict(report)))
    console.print()
    facts = Table(box=None, padding=(0, 2), show_header=False)
    facts.add_column(min_width=12, no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _rows(report):
        facts.add_row(name, printable(value))
    console.print(facts)
    console.print()
    counts = Table(box=None, padding=(0, 2), show_header=False)
    counts.add_column(justify="left")
    counts.add_column(justify="right")
    counts.add_row("ids", f"{report.counts['total']:,}")
    for outcome in COUNTED:
        if report.counts[outcome]:
            counts.add_row(outcome.replace("_", " "), f"{report.counts[outcome]:,}")
    console.print(counts)
    if report.failures:
        console.print()
        console.print(_failures(report, stacked=console.width < _MIN_WIDTH_FOR_MESSAGES))


def _rows(report: Report) -> Iterable[tuple[str, str]]:
    manifest, requests, progress = report.manifest, report.requests, report.progress
    yield "organization", report.org_id
    if report.api_url:
        yield "api", report.api_url
    yield (
        "list",
        (
            f"{manifest.lines:,} lines, {manifest.unique:,} unique ids,"
            f" {manifest.duplicates:,} duplicates, {manifest.malformed:,} malformed"
        ),
    )
    yield "created", f"{report.created_at} by {report.created_by}"
    if report.parent_job_id:
        yield "retry of", f"{report.parent_job_id} (--merged tells of both)"
    if report.ended_at:
        yield "ended", report.ended_at
    if report.deadline_at:
        yield "deadline", report.deadline_at
    yield (
        "requests",
        (
            f"{requests['sent']:,} sent, {requests['ok']:,} ok, {requests['throttled']:,} throttled,"
            f" {requests['retried']:,} retried, {requests['probes']:,} probes,"
            f" {requests['replayed']:,} replayed; {requests['charged']:,} charged as attempts"
        ),
    )
    yield "speed", f"{progress.ids_per_second:,.1f} ids/s over {progress.seconds['active']:.1f} s"
    if report.rate.current is not None:
        yield "rate", f"{round(report.rate.current, 1):g} requests/s ({report.rate.configured})"
    # While the API is unavailable, the verdict says so; any other bottleneck would mislead.
    if report.state_reason.code != ReasonCode.API_UNAVAILABLE:
        limit = bottleneck(
            progress.seconds,
            sent=requests["sent"],
            throttled=requests["throttled"],
            allowed=report.rate.current,
        )
        if limit is not None:
            yield "limit", limit
    if not report.balanced:
        yield "WARNING", "the counters do not sum to the total: run `bulk-activate verify`"


def _failures(report: Report, *, stacked: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 1), title="Why", title_justify="left")
    table.add_column("ids", justify="right")
    table.add_column("reason", overflow="fold")
    table.add_column("status", justify="right")
    table.add_column("again?")
    if not stacked:
        table.add_column("message", overflow="fold")
    for group in report.failures:
        reason, message = printable(group.reason), printable(group.message)
        again = "yes" if group.retryable else "no"
        cells = (
            f"{group.count:,}",
            f"{reason}\n{message}" if stacked else reason,
            str(group.status or ""),
            again,
        )
        table.add_row(*cells if stacked else (*cells, message))
    return table
