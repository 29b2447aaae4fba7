"""Workers remove jobs that have rested for long enough, and no others."""

import asyncio

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.core.job import Control
from worker.core.scope import Scope
from worker.engine.retention import Retention
from worker.store import keys
from worker.store.claims import ClaimStore
from worker.store.connect import async_client


async def test_what_rests_goes_and_what_does_not_stays(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        paused = jobs.put(30)
        jobs.control(paused, Control.PAUSE)
        broken, done, cancelled = jobs.put(0), jobs.put(30), jobs.put(30)
        # A job that cannot be looked at must not keep the others.
        jobs.client.delete(keys.job(broken.job_id))
        jobs.client.set(keys.job(broken.job_id), "no hash")
        jobs.control(cancelled, Control.CANCEL)
        for _ in range(2):
            workers.start(retention=0.05)
        workers.submit(done)
        gone = (done, cancelled)
        await until(lambda: not any(jobs.client.keys(f"bulk:{{{job.job_id}}}:*") for job in gone))
        assert jobs.state(paused) == "paused"
        jobs.control(paused, Control.CANCEL)
        await until(lambda: not jobs.client.keys(f"bulk:{{{paused.job_id}}}:*"))


async def test_a_job_is_kept_for_as_long_as_the_setting_says(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start(retention=3600)
        job = jobs.put(30)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        jobs.client.zadd(keys.JOBS, {job.job_id: 1})
        # A second worker looks as soon as it starts, and closes once it has looked.
        await workers.stop(workers.start(retention=3600))
        await asyncio.to_thread(jobs.report, job)


async def test_a_worker_ends_though_a_removal_is_far_from_its_end(jobs: Jobs, redis_url: str) -> None:
    job_id = "job-endless"

    def left() -> float:
        return float(jobs.client.hget(keys.PURGING, job_id) or 0)

    # As somebody else can write it: so many slices as no job has.
    jobs.client.hset(keys.PURGING, job_id, "1e15")
    async with async_client(redis_url) as client:
        retention = Retention(ClaimStore(client, Scope("https://api.test")), 3600)
        await until(lambda: left() < 1e15)
        await retention.close()
    assert left() > 0
