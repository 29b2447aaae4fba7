"""The client for programs with an event loop: the same calls, each in a thread of the loop's executor."""

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, Unpack

from producers.async_ids import in_thread
from producers.client import Client
from producers.job import Change, Job
from producers.keywords import LimitOptions, ReadingOptions, SubmitOptions
from producers.readable_job import ResultsFormat, Texts
from producers.reading.opened import ListSource
from producers.submission.planned import Plan
from producers.submission.rate import RateChange
from producers.submission.session import Warn
from producers.summary import JobSummary
from producers.waiting import MAX_OUTAGE, POLL, Outage, Progress, require_completed
from worker.core.reporting.rows import Row
from worker.core.reporting.schema import Rate, Report
from worker.core.reporting.timeline import Timeline
from worker.reports.recount import Recount
from worker.reports.results import Write

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


class AsyncClient:
    """Each method does what the one of `Client` of the same name does, and raises the same.

    Making one reads files of settings, which blocks for a moment. A call that is cancelled goes on in its
    thread to its end.
    """

    def __init__(self, *, actor: str | None = None, on_warning: Warn | None = None, **settings: Any) -> None:
        """`on_warning` is called in another thread."""
        self._client = Client(actor=actor, on_warning=on_warning, **settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)

    async def submit(
        self, source: ListSource | AsyncIterable[str], **options: Unpack[SubmitOptions]
    ) -> AsyncJob:
        """An iterable of ids is consumed in another thread, an asynchronous one in this loop.

        Where the call is cancelled before the latter has ended, nothing is stored.
        """
        with _readable(source) as ids:
            return AsyncJob(await asyncio.to_thread(self._client.submit, ids, **options))

    async def plan(self, source: ListSource | AsyncIterable[str], **reading: Unpack[ReadingOptions]) -> Plan:
        with _readable(source) as ids:
            return await asyncio.to_thread(self._client.plan, ids, **reading)

    def job(self, job_id: str) -> AsyncJob:
        return AsyncJob(self._client.job(job_id))

    async def jobs(self, state: str | None = None) -> list[AsyncJob]:
        return [self.job(summary.job_id) for summary in await self.summaries(state)]

    async def summaries(self, state: str | None = None, after: str | None = None) -> list[JobSummary]:
        return await asyncio.to_thread(lambda: list(self._client.summaries(state, after)))

    def acting_as(self, actor: str) -> Self:
        client = copy(self)
        client._client = self._client.acting_as(actor)  # noqa: SLF001 -- its own.
        return client

    async def set_rate(self, org_id: str, rate: str | float) -> RateChange:
        return await asyncio.to_thread(self._client.set_rate, org_id, rate)

    async def rate(self, org_id: str) -> Rate:
        return await asyncio.to_thread(self._client.rate, org_id)

    async def live_workers(self) -> int:
        return await asyncio.to_thread(self._client.live_workers)


def _readable(source: ListSource | AsyncIterable[str]) -> AbstractContextManager[ListSource]:
    """The source as a thread can read it."""
    return in_thread(source) if isinstance(source, AsyncIterable) else nullcontext(source)
