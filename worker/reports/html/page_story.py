"""Sections of the page about the course of the job: plots, origin of the list, retries, state changes."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from worker.core.outcome import SUCCEEDED
from worker.core.reporting.schema import Manifest, Report
from worker.reports.html.markup import MAX_ID, Cell, Html, table, text
from worker.reports.html.plots import over_time
from worker.reports.status import ReportSnapshot

# The most that is shown of each, so that the page stays small.
_MAX_LABELS: Final = 20
_MAX_CHANGES: Final = 30
_MAX_JOBS: Final = 20
_MAX_PLOTS: Final = 3


def over_time_of(jobs: Sequence[ReportSnapshot]) -> Iterator[str]:
    """The section with the plots of the latest jobs."""
    yield '<section aria-labelledby="time"><h2 id="time">Over time</h2>'
    for job in jobs[-_MAX_PLOTS:]:
        if len(jobs) > 1:
            yield f"<h3>Job {text(job.report.job_id)}</h3>"
        yield over_time(job.timeline, _duration(job.report))
    yield "</section>"


def _duration(report: Report) -> float | None:
    if report.started_at is None or report.ended_at is None:
        return None
    started, ended = (datetime.fromisoformat(at) for at in (report.started_at, report.ended_at))
    return (ended - started).total_seconds()


def request_facts(report: Report) -> Iterator[str]:
    """The section about the list and the request: who submitted what, and when."""
    manifest = report.manifest
    yield '<section class="facts" aria-labelledby="asked"><h2 id="asked">The list, and who asked</h2>'
    rows: list[tuple[Cell, ...]] = [
        ("organization", report.org_id),
        ("API", report.api_url),
        ("asked by", report.created_by),
        ("created", report.created_at),
        ("started", report.started_at),
        ("ended", report.ended_at),
        ("deadline", report.deadline_at),
        ("request id", report.request_id),
        ("retry of job", report.parent_job_id),
        ("lines", f"{manifest.lines:,}"),
        ("unique ids", f"{manifest.unique:,}"),
        ("never sent", _never_sent(manifest)),
        ("sha256 of the list", Html(f"<code>{text(manifest.sha256)}</code>") if manifest.sha256 else None),
    ]
    rows += [(f"label {name[:MAX_ID]}", value) for name, value in list(report.labels.items())[:_MAX_LABELS]]
    yield table((), (row for row in rows if row[1]), caption="All times are UTC", headed_rows=True)
    yield "</section>"


def _never_sent(manifest: Manifest) -> str:
    duplicates = f"{manifest.duplicates:,} duplicate{'' if manifest.duplicates == 1 else 's'}"
    return f"{duplicates}, {manifest.malformed:,} malformed line{'' if manifest.malformed == 1 else 's'}"


def family(jobs: Sequence[ReportSnapshot]) -> Iterator[str]:
    """The section with the job and its retries; empty for a single job."""
    if len(jobs) == 1:
        return
    yield '<section aria-labelledby="family"><h2 id="family">The job and its retries</h2>'
    shown = [job.report for job in (*jobs[:1], *jobs[1:][-_MAX_JOBS:])]
    yield table(
        ("job", "state", "ids", "active", "asked by", "created", "ended"),
        (
            (
                job.job_id,
                str(job.state),
                job.counts["total"],
                sum(job.counts[outcome] for outcome in SUCCEEDED),
                job.created_by[:MAX_ID],
                job.created_at,
                job.ended_at,
            )
            for job in shown
        ),
        caption=f"{len(jobs):,} jobs; this page has the latest outcome of each id over all of them",
        headed_rows=True,
    )
    yield "</section>"


def history(report: Report) -> Iterator[str]:
    """The section with the latest changes of state."""
    if not report.history:
        return
    left_out = len(report.history) - _MAX_CHANGES
    cut = f"The last {_MAX_CHANGES}; {left_out:,} earlier ones are not shown"
    yield '<section aria-labelledby="history"><h2 id="history">Changes of state</h2>'
    yield table(
        ("when", "from", "to", "by", "why"),
        (
            (
                change.at,
                change.from_,
                change.to,
                (change.actor or "")[:MAX_ID],
                change.message or change.code,
            )
            for change in report.history[-_MAX_CHANGES:]
        ),
        caption=cut if left_out > 0 else "All of them",
    )
    yield "</section>"
