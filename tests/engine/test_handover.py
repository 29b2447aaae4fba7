"""A worker that stops gives its slices back, so that another goes on with nothing sent twice."""

import asyncio

import pytest

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.engine.slice_work import StoppingError
from worker.store import keys


async def test_a_slice_is_handed_over_and_another_worker_finishes_it(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=50) as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 100)
        ending = workers.engine(concurrency=4)
        try:
            work = asyncio.create_task(ending.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            ending.stop_soon()
            await work
            assert jobs.waiting(job) == {0: 0.0}
            assert (jobs.claimed(job), jobs.mark(job)) == (0, 0)
            counts = jobs.report(job).counts
            assert counts["ambiguous"] == 0
            assert counts["activated"] == 15 * await api.requests() < len(job.ids)
        finally:
            await ending.close()
        # No message was sent for it: the sweep of another finds it.
        workers.start()
        await until(lambda: jobs.rests(job))
        assert {line["sent"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_a_worker_that_stops_sends_itself_no_message(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=50) as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 100)
        ending = workers.engine(concurrency=4)
        try:
            work = asyncio.create_task(ending.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            ending.stop_soon()
            await work
            # It still shows that it lives, but no longer looks for what others left behind.
            for _ in range(2):
                before = jobs.client.zrange(keys.WORKERS, 0, -1, withscores=True)
                await until(lambda: jobs.client.zrange(keys.WORKERS, 0, -1, withscores=True) != before)  # noqa: B023 -- awaited in the loop.
            assert jobs.waiting(job) == {0: 0.0}
        finally:
            await ending.close()


async def test_a_worker_that_stops_takes_nothing_on(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(30)
        ending = workers.engine()
        try:
            ending.stop_soon()
            with pytest.raises(StoppingError):
                await ending.run_slice(job.job_id, 0)
        finally:
            await ending.close()
        assert jobs.claimed(job) == 0


async def test_a_slice_claimed_in_the_moment_of_the_stop_is_given_back_unsent(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        # With more slices than wait at once, a claim queues the next: in that moment the worker is told.
        job = jobs.put(15 * 20, per_slice=15)
        ending = workers.engine()
        stop = ending.stop_soon
        loop = asyncio.get_running_loop()
        queued = asyncio.Event()

        def send_and_stop() -> None:
            stop()
            queued.set()

        workers.on_send = lambda: loop.call_soon_threadsafe(send_and_stop)
        try:
            await ending.run_slice(job.job_id, 0)
        finally:
            await ending.close()
        assert queued.is_set()
        assert await api.requests() == 0
        assert jobs.waiting(job)[0] == 0.0


async def test_a_worker_stops_at_once_also_at_a_rate_of_three_requests_a_minute(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 10)
        ending = workers.engine(rate=0.05)
        now = asyncio.get_running_loop().time
        try:
            work = asyncio.create_task(ending.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) == 15)
            told = now()
            ending.stop_soon()
            await work
        finally:
            await ending.close()
        # The next request would be due after twenty.
        assert now() - told < 15
        assert jobs.waiting(job) == {0: 0.0}
        assert jobs.store.live_workers(10_000) == 0
