"""A job for programs with an event loop: the same calls, each in a thread of the loop's executor."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from itertools import islice
from typing import Final, Unpack

from producers.job import Change, Job
from producers.keywords import LimitOptions
from producers.readable_job import ResultsFormat, Texts
from producers.waiting import MAX_OUTAGE, POLL, Outage, Progress, require_completed
from worker.core.reporting.rows import Row
from worker.core.reporting.schema import Report
from worker.core.reporting.timeline import Timeline
from worker.reports.recount import Recount
from worker.reports.row_text import Write

_ROWS_AT_ONCE: Final = 2000
"""Rows that one hop to a thread fetches."""


class AsyncJob:
    """A job by its id. Each method does what the one of `Job` of the same name does, and raises the same."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.id: Final = job.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    async def report(self) -> Report:
        return await asyncio.to_thread(self._job.report)

    async def progress(self) -> Progress:
        return await asyncio.to_thread(self._job.progress)

    async def snapshot(self) -> tuple[Progress, Timeline]:
        return await asyncio.to_thread(self._job.snapshot)

    async def wait(self, timeout: float | None = None) -> Report:  # noqa: ASYNC109 -- as that of `Job`.
        """Cancelling it ends the wait alone: the job goes on."""
        report = None
        async for step in self.follow(timeout):
            report = step.report if isinstance(step, Progress) else report
        assert report is not None, "the last step is progress"
        return require_completed(report)

    async def follow(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 -- as that of `Job`.
        *,
        max_outage: float = MAX_OUTAGE,
    ) -> AsyncIterator[Progress | Outage]:
        wait = self._job.begin_wait(timeout, max_outage)
        while True:
            step = await asyncio.to_thread(self._job.next_step, wait)
            yield step
            if step.is_last:
                return
            wait.check_time(time.monotonic())
            # Not in a thread: a thousand waits hold up nobody.
            await asyncio.sleep(POLL)

    async def results(
        self, outcomes: Texts = None, ids: Texts = None, *, merged: bool = False
    ) -> AsyncIterator[Row]:
        rows = await asyncio.to_thread(self._job.results, outcomes, ids, merged=merged)
        while chunk := await asyncio.to_thread(lambda: list(islice(rows, _ROWS_AT_ONCE))):
            for row in chunk:
                yield row

    async def write_results(
        self,
        write: Write,
        form: ResultsFormat = "csv",
        *,
        outcomes: Texts = None,
        ids: Texts = None,
        merged: bool = False,
        bom: bool = False,
    ) -> frozenset[str]:
        """`write` is called in another thread."""
        return await asyncio.to_thread(
            self._job.write_results, write, form, outcomes=outcomes, ids=ids, merged=merged, bom=bom
        )

    async def page(self, *, merged: bool = False) -> str:
        return await asyncio.to_thread(self._job.page, merged=merged)

    async def verify(self) -> Recount:
        return await asyncio.to_thread(self._job.verify)

    async def write_folder(self, path: str | os.PathLike[str], *, parquet: bool = False) -> Report:
        return await asyncio.to_thread(self._job.write_folder, path, parquet=parquet)

    async def pause(self, reason: str = "") -> Change:
        return await asyncio.to_thread(self._job.pause, reason)

    async def resume(self, reason: str = "") -> Change:
        return await asyncio.to_thread(self._job.resume, reason)

    async def cancel(self, reason: str = "") -> Change:
        return await asyncio.to_thread(self._job.cancel, reason)

    async def retry(self, outcomes: Texts = None, **limits: Unpack[LimitOptions]) -> "AsyncJob":
        return AsyncJob(await asyncio.to_thread(self._job.retry, outcomes, **limits))

    async def set_weight(self, weight: int) -> bool:
        return await asyncio.to_thread(self._job.set_weight, weight)

    async def org_id(self) -> str:
        return await asyncio.to_thread(self._job.org_id)

    async def purge(self) -> None:
        await asyncio.to_thread(self._job.purge)
