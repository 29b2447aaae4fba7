"""Engines as worker processes have them, and the queue of messages that wakes them, in one loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.api.clients import settings_for
from tests.engine.jobs import Job
from worker.engine.engine import Engine
from worker.engine.slice_work import StoppingError
from worker.store.script_calls import Ticket

SLICES_IN_FLIGHT: Final = 4

FAST: Final = 1000.0
"""Requests per second: more than a test takes."""


class Worker:
    """An engine, and those who hand it messages."""

    def __init__(self, engine: Engine, takers: list[asyncio.Task[None]]) -> None:
        self.engine = engine
        self._takers = takers

    async def stop(self) -> None:
        """As a process that is told to end: what is in work is given back first."""
        self.engine.stop_soon()
        for taker in self._takers:
            taker.cancel()
        await asyncio.gather(*self._takers, return_exceptions=True)
        await self.engine.close()


class Fleet:
    def __init__(self, redis_url: str, api_url: str) -> None:
        self._redis_url = redis_url
        self._api_url = api_url
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._workers: list[Worker] = []
        self.problems: list[Exception] = []
        """What `run_slice` raised, in order."""
        self.on_send: Callable[[], object] = lambda: None
        """Called whenever a worker sends messages; from any thread."""

    def send(self, job_id: str, tickets: Sequence[Ticket]) -> None:
        """Puts messages into the queue; from any thread."""
        self.on_send()
        for ticket in tickets:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, (job_id, ticket.slice_no))

    def submit(self, *jobs: Job) -> None:
        for job in jobs:
            self.send(job.job_id, job.tickets)

    def engine(self, *, only_job: str | None = None, **settings: Any) -> Engine:
        """One that nobody hands messages to. It is for the caller to close it."""
        given = {"redis_url": self._redis_url, "rate": FAST, **settings}
        url = given.pop("api_url", self._api_url)
        return Engine(settings_for(url, **given), self.send, only_job=only_job)

    def start(self, *, only_job: str | None = None, **settings: Any) -> Worker:
        engine = self.engine(only_job=only_job, **settings)
        takers = [asyncio.create_task(self._take(engine)) for _ in range(SLICES_IN_FLIGHT)]
        worker = Worker(engine, takers)
        self._workers.append(worker)
        return worker

    async def stop(self, worker: Worker) -> None:
        self._workers.remove(worker)
        await worker.stop()

    async def close(self) -> None:
        for worker in list(self._workers):
            await self.stop(worker)

    async def _take(self, engine: Engine) -> None:
        while True:
            job_id, slice_no = await self._queue.get()
            # Shielded: who stops waits for the slice to be given back.
            work = asyncio.create_task(engine.run_slice(job_id, slice_no))
            try:
                await asyncio.shield(work)
            except StoppingError:
                self._queue.put_nowait((job_id, slice_no))
                return
            except asyncio.CancelledError:
                await asyncio.gather(work, return_exceptions=True)
                raise
            except Exception as problem:  # noqa: BLE001 -- a test looks at what it was.
                self.problems.append(problem)


@asynccontextmanager
async def fleet(redis_url: str, api_url: str) -> AsyncIterator[Fleet]:
    """Every worker is stopped at the end."""
    made = Fleet(redis_url, api_url)
    try:
        yield made
    finally:
        await made.close()
