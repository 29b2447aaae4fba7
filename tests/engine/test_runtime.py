"""The runtime: threads hand slices to one loop, each waits for its own, and each fault reaches who asked."""

import asyncio
from typing import Any

import pytest

from tests.api.clients import settings_for
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import FAST
from tests.engine.jobs import Jobs
from worker.engine.runtime import Runtime
from worker.engine.slice_work import StoppingError


async def started(redis_url: str, api_url: str, **changed: Any) -> Runtime:
    settings = settings_for(api_url, redis_url=redis_url, **{"rate": FAST, **changed})
    return await asyncio.to_thread(Runtime, settings, lambda _job_id, _tickets: None)


async def test_threads_share_one_loop_and_each_returns_when_its_slice_is_done(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api:
        runtime = await started(redis_url, api.url)
        try:
            job = jobs.put(1200, per_slice=300)
            await asyncio.gather(*(asyncio.to_thread(runtime.run_slice, job.job_id, at) for at in range(4)))
            assert jobs.state(job) == "completed"
            await agrees(jobs, job, api)
        finally:
            await asyncio.to_thread(runtime.close)


async def test_told_to_stop_it_lets_go_of_the_threads(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=20) as api:
        runtime = await started(redis_url, api.url, concurrency=2)
        try:
            job = jobs.put(15 * 192)
            work = asyncio.create_task(asyncio.to_thread(runtime.run_slice, job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            runtime.stop_soon()
            await work
            assert jobs.waiting(job) == {0: 0.0}
            with pytest.raises(StoppingError):
                await asyncio.to_thread(runtime.run_slice, job.job_id, 0)
        finally:
            await asyncio.to_thread(runtime.close)


async def test_a_worker_shows_that_it_lives_until_it_is_closed(jobs: Jobs, redis_url: str) -> None:
    runtime = await started(redis_url, "http://127.0.0.1:9")
    try:
        await until(lambda: jobs.store.live_workers(60_000) == 1)
    finally:
        await asyncio.to_thread(runtime.close)
    assert jobs.store.live_workers(60_000) == 0
