"""One budget for all: the rate is kept by all workers together, and a 429 holds each of them."""

import asyncio

from aiohttp import web

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import all_active, gateway, too_many
from tests.engine.jobs import Jobs
from worker.core.rate.slots import slots_per_reservation
from worker.reports.status import read_snapshot

RATE = 50.0


async def test_two_workers_keep_within_the_one_rate(jobs: Jobs, redis_url: str) -> None:
    rate = 40
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        for _ in range(2):
            workers.start(rate=float(rate))
        job = jobs.put(15 * 100, per_slice=15 * 20)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert (await api.stats())["max_in_a_second"] <= rate * 1.10 + 2
        over_time = read_snapshot(jobs.store, job.job_id).timeline
        assert sum(bucket.sent for bucket in over_time.buckets) == 100
        assert {bucket.allowed() for bucket in over_time.buckets if bucket.sent} == {rate}


async def test_a_429_is_charged_to_nobody(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(rate=20, burst=20) as api, fleet(redis_url, api.url) as workers:
        # By far too fast, and with as few attempts as can be.
        workers.start(rate=200.0, max_attempts=1)
        job = jobs.put(15 * 40)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert report.requests["throttled"] > 0
        assert report.requests["charged"] == 40
        assert report.counts["activated"] == len(job.ids)
        assert {row.attempts for row in jobs.rows(job).values()} == {1}
        await agrees(jobs, job, api)


async def test_a_429_holds_the_other_worker_too(jobs: Jobs, redis_url: str) -> None:
    """What may still come in the hold is what was in flight, and the run of slots taken before it."""
    first, second = jobs.put(15 * 40), jobs.put(15 * 40)
    came: list[str] = []
    in_the_hold: list[str] = []
    held = asyncio.Event()

    async def answer(ids: list[str]) -> web.Response:
        came.append(ids[0])
        if await asyncio.to_thread(holds, jobs):
            in_the_hold.append(ids[0])
        if not held.is_set() and ids[0] in first.ids and came.count(ids[0]) == 1 and len(came) > 20:
            held.set()
            return too_many(1)
        return all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        engines = [workers.engine(rate=RATE) for _ in range(2)]
        try:
            slices = zip(engines, (first, second), strict=True)
            await asyncio.gather(*(engine.run_slice(job.job_id, 0) for engine, job in slices))
        finally:
            for engine in engines:
                await engine.close()
    assert held.is_set()
    assert len(came) == 81
    assert len(in_the_hold) <= slots_per_reservation(RATE) + 2
    assert [jobs.report(job).counts["activated"] for job in (first, second)] == [600, 600]


def holds(jobs: Jobs) -> bool:
    """Whether a hold is in force, by the store's clock."""
    seconds, micros = jobs.client.time()
    holds = [jobs.client.hget(key, "hold_us") for key in jobs.client.keys("bulk:budget:*")]
    return any(float(hold or 0) > seconds * 1e6 + micros for hold in holds)
