"""Reads a job together with its retries."""

from collections.abc import Collection, Iterator
from typing import Final

from worker.core.errors import NoSuchJobError
from worker.core.outcome import Outcome
from worker.core.reporting.family import FamilyCount, family_report, latest_rows
from worker.core.reporting.rows import RowSpan, rows_of, single_row
from worker.core.reporting.schema import Report
from worker.reports.results import filtered, job_results
from worker.reports.status import ReportSnapshot, read_snapshot
from worker.store.jobs import JobStore

ROOT: Final = "root_job_id"


def family_of(store: JobStore, job_id: str) -> list[str]:
    """Ids of the jobs in the family of `job_id`, oldest first.

    Raises `NoSuchJobError`, also if one of them is gone, since the outcomes of its ids are gone too.
    """
    root = store.read(job_id).fields.get(ROOT, job_id)
    names = [root, *store.family(root)]
    for name in names:
        if store.field(name, "state") is None:
            raise NoSuchJobError(
                f"job {name}, of the family of job {job_id}, was purged or is past RETENTION, and what"
                " became of its ids with it: leave out --merged to see one job alone"
            )
    return names


def family_results(
    store: JobStore, job_id: str, outcomes: Collection[Outcome] = (), ids: Collection[str] = ()
) -> Iterator[RowSpan]:
    """Streams the latest row of each line, in constant memory.

    `outcomes` and `ids` filter the rows; empty ones select all.
    """
    rows = latest_rows([rows_of(job_results(store, name)) for name in family_of(store, job_id)])
    return filtered(map(single_row, rows), outcomes, ids)


def read_family(store: JobStore, job_id: str) -> tuple[Report, list[ReportSnapshot]]:
    """The merged report of the family, and a snapshot of each of its jobs."""
    names = family_of(store, job_id)
    count = FamilyCount()
    for row in latest_rows([rows_of(job_results(store, name)) for name in names]):
        count.add(row)
    jobs = [read_snapshot(store, name) for name in names]
    return family_report([job.report for job in jobs], count), jobs
