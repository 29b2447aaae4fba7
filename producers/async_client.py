"""The client for programs with an event loop: the same calls, each in a thread of the loop's executor."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from types import TracebackType
from typing import Any, Self, Unpack

from producers.async_ids import in_thread
from producers.async_job import AsyncJob
from producers.client import Client
from producers.keywords import ReadingOptions, SubmitOptions
from producers.reading.opened import ListSource
from producers.submission.planned import Plan
from producers.submission.rate import RateChange
from producers.submission.session import Warn
from producers.summary import JobSummary
from worker.core.reporting.schema import Rate


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
