"""Combines a job and the jobs that `retry` made from it: the latest row of each id, and one report for all.

Each job of a family stores the line that its ids have in the first list; rows of the same line belong to the
same id.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from heapq import merge
from itertools import groupby
from typing import Any

import msgspec

from worker.core.job import AT_REST, job_outcome
from worker.core.outcome import COUNTED, SUCCEEDED, UNSUCCESSFUL, Outcome
from worker.core.reason import Reason
from worker.core.reporting.failures import FailureGroups
from worker.core.reporting.progress import ids_per_second, percent_settled
from worker.core.reporting.rows import Row
from worker.core.reporting.schema import REQUESTS, SECONDS, FailureGroup, Progress, Report


def latest_rows(jobs: Sequence[Iterable[Row]]) -> Iterator[Row]:
    """Yields one row per line. `jobs`: the rows of each job, oldest job first, each ordered by line."""
    for _, rows in groupby(merge(*jobs, key=_line), key=_line):
        yield reduce(_later, rows)


def _line(row: Row) -> int:
    return row.line


def _later(known: Row, row: Row) -> Row:
    """Chooses between the rows of an id in an earlier and a later job of the family.

    A later job that ended before it sent the id does not replace the row: an earlier 'unknown' must not
    become 'not attempted'. Jobs of one parent may run at the same time; then the row that finished later is
    chosen.
    """
    if row.outcome is Outcome.NOT_ATTEMPTED:
        return known
    if known.finished_at is not None and row.finished_at is not None and row.finished_at < known.finished_at:
        return known
    return row


@dataclass(slots=True)
class FamilyCount:
    """Counts the latest rows by outcome and by failure, one `add` per row."""

    counts: Counter[str] = field(default_factory=Counter)
    _groups: FailureGroups = field(default_factory=FailureGroups)

    def add(self, row: Row) -> None:
        if row.outcome is Outcome.SKIPPED:
            return
        self.counts[row.outcome] += 1
        if row.outcome in UNSUCCESSFUL and row.reason is not None and row.id is not None:
            message = (row.message or "").replace(row.id, "<id>")
            self._groups.add(Reason(row.reason, message, row.http_status or 0), 1, (row.id,))

    @property
    def failures(self) -> list[FailureGroup]:
        return self._groups.ranked()


def family_report(jobs: Sequence[Report], found: FamilyCount) -> Report:
    """The report of a family. `jobs`: reports of its jobs, the root first, the newest last.

    The list is that of the root, counts are those of the latest rows, and requests and seconds are sums. The
    state is that of the newest unfinished job, else that of the newest job.
    """
    root = jobs[0]
    moving = [job for job in jobs if job.state not in AT_REST]
    shown = (moving or jobs)[-1]
    total = sum(found.counts[outcome] for outcome in COUNTED)
    counts: dict[str, int] = {"total": total}
    counts.update((outcome, found.counts[outcome]) for outcome in COUNTED)
    succeeded = sum(counts[outcome] for outcome in SUCCEEDED)
    return msgspec.structs.replace(
        root,
        root_job_id=root.job_id,
        state=shown.state,
        state_reason=shown.state_reason,
        outcome=None if moving else job_outcome(total, succeeded),
        ended_at=None if moving else max(job.ended_at or "" for job in jobs),
        history=[],
        counts=counts,
        balanced=total == root.counts["total"] and all(job.balanced for job in jobs),
        requests=_requests(jobs),
        rate=shown.rate,
        progress=_progress(jobs, counts),
        failures=found.failures,
    )


def _requests(jobs: Sequence[Report]) -> dict[str, Any]:
    by_status: Counter[str] = Counter()
    request_ids: dict[str, list[str]] = {}
    for job in jobs:
        by_status.update(job.requests["by_status"])
        for status, names in job.requests["request_ids"].items():
            request_ids[status] = [*request_ids.get(status, []), *names]
    sums: dict[str, int | dict[str, int]] = {
        name: sum(job.requests[name] for job in jobs) for name in REQUESTS
    }
    return {**sums, "by_status": dict(sorted(by_status.items())), "request_ids": request_ids}


def _progress(jobs: Sequence[Report], counts: Mapping[str, int]) -> Progress:
    seconds = {name: sum(job.progress.seconds[name] for job in jobs) for name in ("active", *SECONDS)}
    return Progress(
        percent=percent_settled(counts),
        ids_per_second=round(ids_per_second(counts, seconds["active"]), 1),
        eta_at=None,
        seconds=seconds,
    )
