"""The values of the page's sections, as its templates show them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from worker.core.outcome import COUNTED, SUCCEEDED, Outcome
from worker.core.reporting.schema import SECONDS, Report, StateChange
from worker.reports.html.plots import Curve, Span, curves_of, side_by_side
from worker.reports.status import ReportSnapshot

# The most that is shown of each, so that the page stays small.
_MAX_LABELS: Final = 20
_MAX_CHANGES: Final = 30
_MAX_JOBS: Final = 20
_MAX_PLOTS: Final = 3

MEANINGS: Final[Mapping[str, str]] = {
    Outcome.PENDING: "still to be sent",
    Outcome.AMBIGUOUS: "sent, its answer was lost; it will be sent again",
    Outcome.ACTIVATED: "active now, by this job",
    Outcome.ALREADY_ACTIVE: "was active before this job sent it",
    Outcome.FAILED: "the API refused it; see the reasons below",
    Outcome.NOT_ATTEMPTED: "the job ended before it was sent",
    Outcome.UNKNOWN: "sent, and no answer told what became of it",
}
_PHASES: Final = {
    "waiting_for_rate": "waiting for the rate's next slot",
    "held_by_429": "held by the API's rate limit (429)",
    "waiting_for_place": "waiting for an answer to others, with CONCURRENCY requests in flight",
    "in_flight": "in flight: sent, no answer yet",
    "backing_off": "backing off after a fault",
}
_REQUESTS: Final = {
    "sent": "sent and recorded; a killed worker's last few are missing, none of their ids is",
    "ok": "answered 200",
    "throttled": "answered 429: too many; sent again, at nobody's cost",
    "timed_out": "timed out",
    "retried": "repeats after a lost or bad answer",
    "probes": "sent only to find the id at fault",
    "replayed": "repeats with a new access token (401)",
    "charged": "attempts charged to batches",
}


class Part(NamedTuple):
    """A part of a whole: drawn in a bar, and a row of the table below it."""

    kind: str
    """CSS class of its colour; a name of the JSON."""
    size: float
    """Ids or seconds."""
    meaning: str
    span: Span


class Outcomes(NamedTuple):
    parts: Sequence[Part]
    total: int
    active: int


class TimeSplit(NamedTuple):
    """Where the time of the batches went, in seconds."""

    parts: Sequence[Part]
    total: float


class Curves(NamedTuple):
    """The plots of one job."""

    job_id: str
    sent: int
    """Requests."""
    curves: Sequence[Curve]


class Member(NamedTuple):
    """A job of the family."""

    report: Report
    active: int


class Family(NamedTuple):
    jobs: int
    shown: Sequence[Member]
    """The first job and the latest ones."""


class History(NamedTuple):
    limit: int
    left_out: int
    """Earlier changes that are not shown."""
    changes: Sequence[StateChange]


def outcomes(report: Report) -> Outcomes:
    """The ids by outcome."""
    counts = report.counts
    sizes = {str(outcome): counts[outcome] for outcome in COUNTED if counts[outcome]}
    return Outcomes(_parts(sizes, MEANINGS), counts["total"], _active(report))


def _parts(sizes: Mapping[str, float], meanings: Mapping[str, str]) -> list[Part]:
    return [
        Part(kind, size, meanings[kind], span)
        for (kind, size), span in zip(sizes.items(), side_by_side(list(sizes.values())), strict=True)
    ]


def _active(report: Report) -> int:
    return sum(report.counts[outcome] for outcome in SUCCEEDED)


def curves(jobs: Sequence[ReportSnapshot]) -> list[Curves]:
    """The plots of the latest jobs."""
    return [
        Curves(
            job.report.job_id,
            sum(bucket.sent for bucket in job.timeline.buckets),
            curves_of(job.timeline, _duration(job.report)),
        )
        for job in jobs[-_MAX_PLOTS:]
    ]


def _duration(report: Report) -> float | None:
    if report.started_at is None or report.ended_at is None:
        return None
    started, ended = (datetime.fromisoformat(at) for at in (report.started_at, report.ended_at))
    return (ended - started).total_seconds()


def time_split(report: Report) -> TimeSplit:
    """Where the time of batches went; a total of 0 if nothing was sent."""
    spent = {phase: report.progress.seconds[phase] for phase in SECONDS}
    return TimeSplit(_parts(spent, _PHASES), sum(spent.values()))


def requests(report: Report) -> list[tuple[str, int]]:
    """The counts of requests, each after its words."""
    return [(words, report.requests[name]) for name, words in _REQUESTS.items()]


def facts(report: Report) -> list[tuple[str, str]]:
    """The list and the request: who submitted what, and when. Only what is known."""
    return [(fact, value) for fact, value in _facts(report) if value]


def _facts(report: Report) -> Iterator[tuple[str, str | None]]:
    manifest = report.manifest
    yield "organization", report.org_id
    yield "API", report.api_url
    yield "asked by", report.created_by
    yield "created", report.created_at
    yield "started", report.started_at
    yield "ended", report.ended_at
    yield "deadline", report.deadline_at
    yield "request id", report.request_id
    yield "retry of job", report.parent_job_id
    yield "lines", f"{manifest.lines:,}"
    yield "unique ids", f"{manifest.unique:,}"
    yield (
        "never sent",
        f"{_counted(manifest.duplicates, 'duplicate')}, {_counted(manifest.malformed, 'malformed line')}",
    )


def labels(report: Report) -> list[tuple[str, str]]:
    return list(report.labels.items())[:_MAX_LABELS]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def family(jobs: Sequence[ReportSnapshot]) -> Family:
    """The job and its retries."""
    shown = (*jobs[:1], *jobs[1:][-_MAX_JOBS:])
    return Family(len(jobs), [Member(job.report, _active(job.report)) for job in shown])


def history(report: Report) -> History:
    """The latest changes of state."""
    left_out = max(len(report.history) - _MAX_CHANGES, 0)
    return History(_MAX_CHANGES, left_out, report.history[-_MAX_CHANGES:])
