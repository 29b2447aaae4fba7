"""Slices through an engine: every id settled, as the API's side has it, by as few requests as can be."""

from math import ceil

import pytest

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.core.batches.slices import IDS


async def test_a_whole_slice_is_settled_with_as_few_requests_as_can_be(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(fail=0.05, active=0.05) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(IDS)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert jobs.state(job) == "completed"
        assert (await api.stats())["batch_sizes"] == {"15": IDS // 15}
        await agrees(jobs, job, api)


@pytest.mark.parametrize("size", [1, 14, 15, 16, 31])
async def test_a_small_job_takes_a_request_for_each_fifteen_ids(
    jobs: Jobs, redis_url: str, size: int
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(size)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert await api.requests() == ceil(size / 15)
        await agrees(jobs, job, api)


async def test_the_slices_of_a_job_are_shared_by_workers_and_each_id_is_sent_once(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start()
        workers.start()
        # More slices than wait in the queue at once, the last one short.
        job = jobs.put(20 * 45 + 7, per_slice=45)
        assert len(job.tickets) < 21
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert {line["sent"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_jobs_of_one_organization_go_on_beside_each_other(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start()
        both = jobs.put(300, per_slice=150), jobs.put(300, per_slice=150)
        workers.submit(*both)
        await until(lambda: all(map(jobs.rests, both)))
        assert [jobs.report(job).counts["activated"] for job in both] == [300, 300]


async def test_no_more_requests_are_in_flight_than_set(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=20) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=3)
        job = jobs.put(900, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert (await api.stats())["concurrent_peak"] == 3


async def test_a_second_message_for_a_slice_changes_nothing(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        for _ in range(6):
            workers.submit(job)
        await until(lambda: jobs.rests(job))
        workers.submit(job)
        await workers.close()
        assert workers.problems == []
        assert await api.requests() == 20
        await agrees(jobs, job, api)


async def test_a_message_for_a_job_that_is_gone_is_no_fault(jobs: Jobs, redis_url: str) -> None:
    async with fleet(redis_url, "http://127.0.0.1:9") as workers:
        engine = workers.engine()
        try:
            await engine.run_slice("no-such-job", 0)
        finally:
            await engine.close()
