"""Reads a job together with the jobs that `retry` made of it."""

from collections.abc import Collection, Iterator
from typing import Final

from worker.core.errors import NoSuchJobError
from worker.core.family import FamilyCount, family_report, latest_rows
from worker.core.outcome import Outcome
from worker.core.report import Report
from worker.core.rows import Run, alone, rows_of
from worker.reports.results import filtered, job_results
from worker.reports.status import ReportSnapshot, read_snapshot
from worker.store.jobs import JobStore

ROOT: Final = "root_job_id"


def family_of(store: JobStore, job_id: str) -> list[str]:
    """The jobs of the family that `job_id` belongs to, the first one first.

    Raises `NoSuchJobError`, also where one of them is gone: what became of its ids could not be told.
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
) -> Iterator[Run]:
    """The latest row of each line, streamed: what is held at once does not grow with the list."""
    rows = latest_rows([rows_of(job_results(store, name)) for name in family_of(store, job_id)])
    return filtered(map(alone, rows), outcomes, ids)


def read_family(store: JobStore, job_id: str) -> tuple[Report, list[ReportSnapshot]]:
    """The family's report, and each of its jobs."""
    names = family_of(store, job_id)
    count = FamilyCount()
    for row in latest_rows([rows_of(job_results(store, name)) for name in names]):
        count.add(row)
    jobs = [read_snapshot(store, name) for name in names]
    return family_report([job.report for job in jobs], count), jobs
