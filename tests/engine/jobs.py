"""Jobs as a producer puts them in, and their record as it is read back."""

from dataclasses import dataclass
from itertools import count
from typing import cast

from tests.api.clients import ORG
from worker.core.batches.slices import IDS, Slice
from worker.core.job import AT_REST, Control
from worker.core.reporting.report import balances
from worker.core.reporting.rows import Row, rows_of
from worker.core.reporting.schema import Report
from worker.reports.results import job_results
from worker.reports.status import read_report
from worker.store import keys
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.script_calls import Ticket

_numbers = count()


@dataclass(frozen=True, slots=True)
class Job:
    job_id: str
    ids: tuple[str, ...]
    tickets: list[Ticket]


class Jobs:
    """The store as the producers see it, with a few words for tests."""

    def __init__(self, url: str) -> None:
        self.client = sync_client(url)
        self.store = JobStore(self.client)

    def put(
        self,
        size: int,
        *,
        per_slice: int = IDS,
        org: str = ORG,
        job_id: str | None = None,
        list_no: int | None = None,
    ) -> Job:
        """A launched job of `size` ids that no other job has; of list `list_no` they are always the same."""
        number = next(_numbers) if list_no is None else list_no
        job_id = job_id or f"job-{number}"
        ids = tuple(f"{number:08d}-0000-4000-8000-{index:012d}" for index in range(size))
        self.store.create(job_id, {"org_id": org}, request_id=None, fingerprint="f", fresh=False)
        starts = range(0, size, per_slice)
        parts = [Slice(ids[at : at + per_slice], ((at + 1, len(ids[at : at + per_slice])),)) for at in starts]
        self.store.put_slices(job_id, list(enumerate(parts)))
        tickets = self.store.start_job(
            job_id, {}, total=size, slices=len(parts), deadline=None, per_slice=per_slice
        )
        return Job(job_id, ids, tickets)

    def report(self, job: Job) -> Report:
        return read_report(self.store, job.job_id)

    def state(self, job: Job) -> str:
        return self.store.field(job.job_id, "state") or ""

    def rests(self, job: Job) -> bool:
        return self.state(job) in AT_REST

    def rows(self, job: Job) -> dict[str, Row]:
        """By id."""
        return {str(row.id): row for row in rows_of(job_results(self.store, job.job_id))}

    def outcomes(self, job: Job) -> dict[str, str]:
        return {name: str(row.outcome) for name, row in self.rows(job).items()}

    def control(self, job: Job, control: Control) -> list[Ticket]:
        return self.store.control(job.job_id, control, code="user", message="", actor="test")[2]

    def settled(self, job: Job) -> int:
        return self.report(job).settled()

    def mark(self, job: Job, slice_no: int = 0) -> int:
        return int(self.client.hget(keys.of_slice(job.job_id, "slice", slice_no), "mark") or 0)

    def waiting(self, job: Job) -> dict[int, float]:
        """Slices that nobody holds, by when a message was sent for each; 0 for one handed over."""
        key = keys.job(job.job_id, "waiting")
        found = cast("list[tuple[bytes, float]]", self.client.zrange(key, 0, -1, withscores=True))
        return {int(number): score for number, score in found}

    def claimed(self, job: Job) -> int:
        return self.client.zcard(keys.job(job.job_id, "claimed"))

    def balances(self, job: Job) -> bool:
        """The counters sum to the total, and are what the record of the ids says."""
        counts = self.report(job).counts
        outcomes = list(self.outcomes(job).values())
        recounted = {name: outcomes.count(name) for name in counts if name != "total"}
        return balances(counts) and recounted.items() <= counts.items()
