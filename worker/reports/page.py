"""The report as one self-contained HTML page: no script, nothing loaded from elsewhere.

It is made from the record alone, so the same record gives the same bytes; and everything that could grow
is cut, so that it stays below `LARGEST` whatever the list and the API's messages were.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Final, NamedTuple

from worker.core.outcome import COUNTED, SUCCEEDED, Outcome
from worker.core.report import SECONDS, FailureGroup, Report
from worker.core.timeline import Timeline
from worker.reports.markup import Cell, Figure, Html, seconds, share, table, text
from worker.reports.plots import Part, bar, over_time
from worker.reports.verdict import verdict

LARGEST: Final = 300_000
"""Bytes."""

_LABELS: Final = 20
_CHANGES: Final = 30
_JOBS: Final = 20
_PLOTTED: Final = 3
_ID: Final = 64
"""Characters of an id that are shown."""

_MEANINGS: Final = {
    Outcome.PENDING: "still to be sent",
    Outcome.AMBIGUOUS: "sent, its answer was lost; it will be sent again",
    Outcome.ACTIVATED: "active now, by this job",
    Outcome.ALREADY_ACTIVE: "was active before this job sent it",
    Outcome.FAILED: "the API refused it; see the reasons below",
    Outcome.NOT_ATTEMPTED: "the job ended before it was sent",
    Outcome.UNKNOWN: "sent, and no answer told what became of it",
}
_SPENT: Final = {
    "waiting_for_rate": "waiting for the rate's next slot",
    "held_by_429": "held by the API's rate limit (429)",
    "in_flight": "in flight: sent, no answer yet",
    "backing_off": "backing off after a fault",
}


class Told(NamedTuple):
    """A job on the page."""

    report: Report
    timeline: Timeline


def page(report: Report, jobs: Sequence[Told]) -> str:
    """`jobs`: the one job, or all jobs of the family whose merged report `report` is."""
    title = f"Activation report, job {report.job_id}"
    style = files(__package__).joinpath("page.css").read_text()
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title>\n<style>\n{style}</style></head>\n<body><main>"
    )
    parts = (
        f'<header><h1>{text(title)}</h1><p class="verdict">{text(verdict(report), 400)}</p>',
        f"{_balance(report)}</header>",
        *_ids(report),
        *_failures(report),
        *_over_time(jobs),
        *_time_split(report),
        *_requests(report),
        *_asked(report),
        *_family(jobs),
        *_history(report),
        "</main></body></html>\n",
    )
    return "\n".join([head, *parts])


def _balance(report: Report) -> str:
    if report.balanced:
        return '<p class="quiet">The counters balance: every id of the list has exactly one outcome.</p>'
    return (
        '<p class="warning">The counters do not sum to the total: do not rely on this page before'
        " <code>bulk-activate verify</code> says what is wrong.</p>"
    )


def _ids(report: Report) -> Iterator[str]:
    counts = report.counts
    total = counts["total"]
    yield '<section aria-labelledby="ids"><h2 id="ids">Ids</h2>'
    yield bar([Part(outcome, _named(outcome), counts[outcome]) for outcome in COUNTED], "Ids by outcome")
    rows = [
        (
            _swatch(outcome, _named(outcome)),
            counts[outcome],
            share(counts[outcome], total),
            _MEANINGS[outcome],
        )
        for outcome in COUNTED
        if counts[outcome]
    ]
    active = sum(counts[outcome] for outcome in SUCCEEDED)
    yield table(
        ("outcome", "ids", "share", "meaning"),
        [*rows, (Html("<strong>total</strong>"), total, "", f"unique ids, of which {active:,} are active")],
        caption="Each id of the list has one outcome",
        headed_rows=True,
    )
    yield "</section>"


def _failures(report: Report) -> Iterator[str]:
    if not report.failures:
        return
    yield '<section aria-labelledby="why"><h2 id="why">Why ids are not active</h2>'
    yield table(
        ("reason, message and examples", "HTTP", "ids"),
        ((_why(group), str(group.status or ""), group.count) for group in report.failures),
        caption="Most ids first; the results have every id",
        headed_rows=True,
    )
    yield "</section>"


def _why(group: FailureGroup) -> Html:
    samples = " ".join(f"<code>{text(token_id, _ID)}</code>" for token_id in group.sample_ids)
    return Html(
        f"<code><strong>{text(group.reason, _ID)}</strong></code><br>"
        f'<span class="any">{text(group.message)}</span>'
        + (f'<div class="quiet">for example {samples}</div>' if samples else "")
    )


def _over_time(jobs: Sequence[Told]) -> Iterator[str]:
    yield '<section aria-labelledby="time"><h2 id="time">Over time</h2>'
    for job in jobs[-_PLOTTED:]:
        if len(jobs) > 1:
            yield f"<h3>Job {text(job.report.job_id)}</h3>"
        yield over_time(job.timeline, _lasted(job.report))
    yield "</section>"


def _lasted(report: Report) -> float | None:
    if report.started_at is None or report.ended_at is None:
        return None
    started, ended = (datetime.fromisoformat(at) for at in (report.started_at, report.ended_at))
    return (ended - started).total_seconds()


def _time_split(report: Report) -> Iterator[str]:
    spent = report.progress.seconds
    whole = sum(spent[name] for name in SECONDS)
    if not whole:
        return
    yield '<section aria-labelledby="spent"><h2 id="spent">Where the time went</h2>'
    yield bar([Part(name, _named(name), spent[name]) for name in SECONDS], "Time of batches")
    yield table(
        ("a batch was", "time", "share"),
        ((_swatch(name, _SPENT[name]), spent[name], share(spent[name], whole)) for name in SECONDS),
        caption="Time of all batches added up; many are on their way at once",
        headed_rows=True,
    )
    yield table(
        (),
        (
            ("the job ran for", Figure(seconds(spent["active"]))),
            ("ids per second meanwhile", Figure(f"{report.progress.ids_per_second:,.1f}")),
        ),
        caption="By the clock",
        headed_rows=True,
    )
    yield "</section>"


def _requests(report: Report) -> Iterator[str]:
    names = {
        "sent": "sent, all told",
        "ok": "answered 200",
        "throttled": "answered 429: too many; sent again, at nobody's cost",
        "timed_out": "timed out",
        "retried": "repeats after a lost or bad answer",
        "probes": "sent only to find the id at fault",
        "replayed": "repeats with a new access token (401)",
        "charged": "attempts charged to batches",
    }
    yield '<section aria-labelledby="requests"><h2 id="requests">Requests</h2>'
    yield table(
        ("requests", "count"),
        ((words, int(report.requests[name])) for name, words in names.items()),
        caption="Each carries up to 15 ids",
        headed_rows=True,
    )
    by_status = report.requests["by_status"]
    if by_status:
        rows = ((f"HTTP {status}", int(count)) for status, count in by_status.items())
        yield table(("answer", "requests"), rows, caption="By the status of the answer", headed_rows=True)
    yield "</section>"


def _asked(report: Report) -> Iterator[str]:
    manifest = report.manifest
    yield '<section class="facts" aria-labelledby="asked"><h2 id="asked">The list, and who asked</h2>'
    rows: list[tuple[Cell, ...]] = [
        ("organization", report.org_id),
        ("asked by", report.created_by),
        ("created", report.created_at),
        ("started", report.started_at),
        ("ended", report.ended_at),
        ("deadline", report.deadline_at),
        ("request id", report.request_id),
        ("retry of job", report.parent_job_id),
        ("lines", f"{manifest.lines:,}"),
        ("unique ids", f"{manifest.unique:,}"),
        ("never sent", f"{manifest.duplicates:,} duplicates, {manifest.malformed:,} malformed lines"),
        ("sha256 of the list", Html(f"<code>{text(manifest.sha256)}</code>") if manifest.sha256 else None),
    ]
    rows += [(f"label {name[:_ID]}", value) for name, value in list(report.labels.items())[:_LABELS]]
    yield table((), (row for row in rows if row[1]), caption="All times are UTC", headed_rows=True)
    yield "</section>"


def _family(jobs: Sequence[Told]) -> Iterator[str]:
    if len(jobs) == 1:
        return
    yield '<section aria-labelledby="family"><h2 id="family">The job and its retries</h2>'
    shown = [job.report for job in (*jobs[:1], *jobs[1:][-_JOBS:])]
    yield table(
        ("job", "state", "ids", "active", "asked by", "created", "ended"),
        (
            (
                job.job_id,
                str(job.state),
                job.counts["total"],
                sum(job.counts[outcome] for outcome in SUCCEEDED),
                job.created_by[:_ID],
                job.created_at,
                job.ended_at,
            )
            for job in shown
        ),
        caption=f"{len(jobs):,} jobs; this page has the latest outcome of each id over all of them",
        headed_rows=True,
    )
    yield "</section>"


def _history(report: Report) -> Iterator[str]:
    if not report.history:
        return
    left_out = len(report.history) - _CHANGES
    cut = f"The last {_CHANGES}; {left_out:,} earlier ones are not shown"
    yield '<section aria-labelledby="history"><h2 id="history">Changes of state</h2>'
    yield table(
        ("when", "from", "to", "by", "why"),
        (
            (change.at, change.from_, change.to, (change.actor or "")[:_ID], change.message or change.code)
            for change in report.history[-_CHANGES:]
        ),
        caption=cut if left_out > 0 else "All of them",
    )
    yield "</section>"


def _named(name: str) -> str:
    return name.replace("_", " ")


def _swatch(kind: str, words: str) -> Html:
    return Html(f'<span class="named"><i class="swatch {kind}" aria-hidden="true"></i>{text(words)}</span>')
