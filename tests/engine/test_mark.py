"""The write-ahead mark: no id is sent that is not marked before, and little is marked that is not sent."""

import asyncio

import pytest
from aiohttp import web

from tests.api.waiting import until
from tests.engine.fleet import FAST, fleet
from tests.engine.gateway import all_active, gateway
from tests.engine.jobs import Job, Jobs

CONCURRENCY = 4


class Watched:
    """Answers for one job of one slice, and notes the mark in the moment of each request."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.job: Job | None = None
        self.unmarked: list[str] = []
        self.ahead: list[int] = []
        """Batches that were marked and had not come, at each request."""
        self._came = 0

    async def answer(self, ids: list[str]) -> web.Response:
        assert self.job is not None
        self._came += 1
        came = self._came
        # In this loop: nothing else happens meanwhile.
        mark = self._jobs.mark(self.job)
        self.unmarked += [name for name in ids if int(name[-12:]) >= mark]
        self.ahead.append(mark // 15 - came)
        return all_active(ids)


@pytest.mark.parametrize("rate", [20.0, 200.0, FAST])
async def test_every_id_is_marked_before_it_is_sent(jobs: Jobs, redis_url: str, rate: float) -> None:
    watched = Watched(jobs)
    async with gateway(watched.answer) as url, fleet(redis_url, url) as workers:
        workers.start(rate=rate)
        watched.job = job = jobs.put(15 * min(192, int(rate)))
        workers.submit(job)
        await until(lambda: jobs.rests(job))
    assert watched.unmarked == []


@pytest.mark.parametrize(("rate", "most"), [(20.0, 2), (100.0, 10)])
async def test_no_more_is_marked_ahead_than_is_sent_in_a_tenth_of_a_second(
    jobs: Jobs, redis_url: str, rate: float, most: int
) -> None:
    watched = Watched(jobs)
    async with gateway(watched.answer) as url, fleet(redis_url, url) as workers:
        workers.start(rate=rate, concurrency=CONCURRENCY)
        watched.job = job = jobs.put(int(15 * rate * 1.5))
        workers.submit(job)
        await until(lambda: jobs.rests(job))
    # A busy machine answers late, and what is late is asked for earlier. A whole window would be far more.
    assert max(watched.ahead) <= 2 * most + CONCURRENCY


async def test_a_slice_that_ended_has_no_mark(jobs: Jobs, redis_url: str) -> None:
    watched = Watched(jobs)
    async with gateway(watched.answer) as url, fleet(redis_url, url) as workers:
        engine = workers.engine()
        watched.job = job = jobs.put(300)
        try:
            await engine.run_slice(job.job_id, 0)
        finally:
            await engine.close()
    assert jobs.mark(job) == 0


async def test_a_killed_worker_leaves_in_doubt_what_was_marked_and_nothing_else(
    jobs: Jobs, redis_url: str
) -> None:
    """The engine does not end well here: its requests hang, and its lease is let run out."""
    left = asyncio.Event()

    async def never(_ids: list[str]) -> web.Response:
        await left.wait()
        return web.Response(status=503)

    async with gateway(never) as url, fleet(redis_url, url) as workers:
        job = jobs.put(15 * 50)
        engine = workers.engine(rate=20.0, concurrency=1)
        work = asyncio.create_task(engine.run_slice(job.job_id, 0))
        try:
            await until(lambda: jobs.mark(job) > 0)
            mark = jobs.mark(job)
            jobs.client.zadd(f"bulk:{{{job.job_id}}}:claimed", {"0": 1})
            jobs.store.sweep(job.job_id)
            outcomes = list(jobs.outcomes(job).values())
            assert outcomes == ["ambiguous"] * mark + ["pending"] * (len(job.ids) - mark)
            assert jobs.balances(job)
        finally:
            left.set()
            engine.stop_soon()
            await work
            await engine.close()
