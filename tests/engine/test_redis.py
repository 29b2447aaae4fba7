"""Redis stops, dies or fills up in the middle: the job completes, and nothing is sent twice that need not."""

import asyncio

import pytest
from aiohttp import web
from redis.exceptions import ConnectionError  # noqa: A004 -- redis-py's own name.

from tests.api.standin import stand_in
from tests.api.waiting import steady, until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import gateway
from tests.engine.jobs import Jobs
from tests.servers import RealServer


async def test_a_redis_that_died_and_came_back_costs_the_job_nothing(jobs: Jobs, real: RealServer) -> None:
    async with stand_in(latency=10) as api, fleet(real.server.url, api.url) as workers:
        workers.start(concurrency=4)
        job = jobs.put(15 * 192)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        await asyncio.to_thread(real.kill)
        await asyncio.to_thread(real.start)
        await until(lambda: jobs.rests(job))
        assert workers.problems == []
        assert jobs.report(job).counts["activated"] == len(job.ids)
        assert {line["activations"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_while_redis_is_gone_nothing_is_sent_beyond_what_was_marked(
    jobs: Jobs, real: RealServer
) -> None:
    async with stand_in() as api, fleet(real.server.url, api.url) as workers:
        workers.start(rate=100.0)
        job = jobs.put(15 * 100)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        mark = jobs.mark(job)
        await asyncio.to_thread(real.kill)
        at_once = len(await api.world())
        # A run of slots and a window that were granted already.
        most = max(mark, at_once) + 15 * 20
        await asyncio.to_thread(real.start)
        assert len(await api.world()) <= most
        await until(lambda: jobs.rests(job))
        await agrees(jobs, job, api)


async def test_a_redis_that_stands_still_is_waited_for(jobs: Jobs, real: RealServer) -> None:
    async with stand_in() as api, fleet(real.server.url, api.url) as workers:
        workers.start(rate=200.0)
        job = jobs.put(15 * 150)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        with real.paused():
            # Sent is what was marked; then there is nothing that may be sent.
            assert await steady(api.requests) < 150
        await until(lambda: jobs.rests(job))
        assert {line["sent"] for line in (await api.world()).values()} == {1}
        assert workers.problems == []
        await agrees(jobs, job, api)


async def test_a_full_redis_is_waited_for(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=200.0)
        job = jobs.put(15 * 150)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        jobs.client.config_set("maxmemory", "1mb")
        try:
            before = jobs.client.info("errorstats").get("errorstat_OOM", {}).get("count", 0)
            await until(
                lambda: jobs.client.info("errorstats").get("errorstat_OOM", {}).get("count", 0) > before + 3
            )
            assert not jobs.rests(job)
        finally:
            jobs.client.config_set("maxmemory", "0")
        await until(lambda: jobs.rests(job))
        assert workers.problems == []
        assert {line["sent"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_a_message_that_comes_while_redis_is_gone_is_not_lost(jobs: Jobs, real: RealServer) -> None:
    async with stand_in() as api, fleet(real.server.url, api.url) as workers:
        job = jobs.put(30)
        engine = workers.engine()
        try:
            await asyncio.to_thread(real.kill)
            work = asyncio.create_task(engine.run_slice(job.job_id, 0))
            await asyncio.to_thread(real.start)
            await work
        finally:
            await engine.close()
        assert jobs.state(job) == "completed"


async def test_a_fault_of_the_job_is_recorded_though_redis_is_gone_in_that_moment(
    jobs: Jobs, real: RealServer
) -> None:
    gone = asyncio.Event()

    async def forbidden(_ids: list[str]) -> web.Response:
        if not gone.is_set():
            gone.set()
            await asyncio.to_thread(real.kill)
        return web.json_response({}, status=403)

    async with gateway(forbidden) as url, fleet(real.server.url, url) as workers:
        workers.start(concurrency=1)
        job = jobs.put(30)
        workers.submit(job)
        await gone.wait()
        await until(lambda: not alive(real))
        await asyncio.to_thread(real.start)
        await until(lambda: jobs.rests(job))
        assert workers.problems == []
        report = jobs.report(job)
        assert (report.state, report.counts["not_attempted"]) == ("failed", 30)
        assert report.requests["sent"] == 1


def alive(real: RealServer) -> bool:
    try:
        return bool(real.server)
    except AssertionError:
        return False


async def test_a_worker_that_stops_while_redis_is_gone_ends_and_others_go_on(
    jobs: Jobs, real: RealServer
) -> None:
    async with stand_in() as api, fleet(real.server.url, api.url) as workers:
        engine = workers.engine(rate=100.0)
        job = jobs.put(15 * 100)
        work = asyncio.create_task(engine.run_slice(job.job_id, 0))
        await until(lambda: jobs.settled(job) > 0)
        await asyncio.to_thread(real.kill)
        engine.stop_soon()
        with pytest.raises(ConnectionError):
            await work
        await asyncio.to_thread(real.start)
        await engine.close()
        workers.start()
        await until(lambda: jobs.rests(job))
        await agrees(jobs, job, api)
