"""Access tokens that some nodes refuse, and exchanges that somebody else answers: nobody is charged.

And none of them is waited for with a send time in hand.
"""

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from tests.api.clients import ORG
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import all_active, gateway, grant
from tests.engine.jobs import Jobs
from tests.limits.arrivals import most_within
from worker.simulator.exchange_faults import EXCHANGE_FAULTS


async def test_a_new_token_that_nodes_learn_of_late_is_tried_until_they_do(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(token_delay=2.0) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(15 * 40)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert report.state == "completed"
        assert report.counts["activated"] == len(job.ids)
        # While nobody was served, requests went out one at a time, after those in flight at the first.
        assert report.requests["replayed"] < 32 + 10
        assert report.requests["charged"] == 40
        assert (await api.stats())["exchanges"] == 1
        await agrees(jobs, job, api)


async def test_a_token_that_half_of_the_nodes_refuse_serves_the_job(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(token_refusals=0.5) as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=100.0)
        job = jobs.put(15 * 200)
        workers.submit(job)
        await until(lambda: jobs.rests(job), 90)
        report = jobs.report(job)
        assert report.state == "completed"
        assert report.counts["activated"] == len(job.ids)
        assert report.requests["charged"] == 200
        assert report.requests["replayed"] >= report.requests["by_status"]["401"]
        assert (await api.stats())["exchanges"] <= 4
        await agrees(jobs, job, api)


@pytest.mark.parametrize(
    "fault", [fault.name for fault in EXCHANGE_FAULTS if fault.name != "refused"], ids=str
)
async def test_an_exchange_that_somebody_else_answers_is_waited_for(
    jobs: Jobs, redis_url: str, fault: str
) -> None:
    async with (
        stand_in(exchange_fault=fault, exchange_retry_after="1") as api,
        fleet(redis_url, api.url) as workers,
    ):
        workers.start()
        job = jobs.put(30)
        workers.submit(job)
        await until(lambda: jobs.report(job).state_reason.code == "api_unavailable")
        message = str(jobs.report(job).state_reason.message)
        assert ("moved.invalid: set BULK_ACTIVATE_API_URL" in message) == (fault == "moved")
        await api.control(exchange_fault="none")
        await until(lambda: jobs.rests(job), 60)
        report = jobs.report(job)
        assert (report.state, report.counts["activated"]) == ("completed", 30)
        assert (report.requests["sent"], report.requests["charged"]) == (2, 2)


async def test_a_refused_credential_costs_four_workers_one_exchange(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(refuse_exchange=True) as api, fleet(redis_url, api.url) as workers:
        for _ in range(4):
            workers.start()
        job = jobs.put(15 * 40, per_slice=15)
        workers.submit(job)
        await until(lambda: jobs.state(job) == "paused" and not jobs.claimed(job))
        assert jobs.report(job).state_reason.code == "credential_rejected"
        # Asked once more before it was believed.
        assert (await api.stats())["exchanges"] == 2


async def test_no_send_time_is_reserved_before_there_is_an_access_token(jobs: Jobs, redis_url: str) -> None:
    """However long an exchange takes. Nor does what waited for it come as a burst."""
    asked, answer = asyncio.Event(), asyncio.Event()
    came: list[float] = []

    async def exchange() -> web.Response:
        asked.set()
        await answer.wait()
        return grant("given")

    async def activate(ids: list[str]) -> web.Response:
        came.append(asyncio.get_running_loop().time())
        return all_active(ids)

    def reserved() -> bool:
        return any(
            jobs.client.hexists(key, "tat_us") for key in jobs.client.scan_iter("bulk:budget:*:" + ORG)
        )

    async with gateway(activate, exchange) as api, fleet(redis_url, api) as workers:
        for _ in range(2):
            workers.start(rate=50.0)
        job = jobs.put(15 * 100, per_slice=15 * 25)
        workers.submit(job)
        await asked.wait()
        await until(lambda: jobs.claimed(job) == 4 and any(jobs.mark(job, number) for number in range(4)))
        assert not reserved()
        answer.set()
        await until(lambda: jobs.rests(job))
        assert reserved()
    assert jobs.report(job).counts["activated"] == len(job.ids)
    assert len(came) == 100
    assert most_within(came, 0.5) <= 25 + 10


async def test_a_renewal_stops_nobody_while_the_old_token_is_good(jobs: Jobs, redis_url: str) -> None:
    sent: Counter[int] = Counter()
    enough = asyncio.Event()
    exchanges = 0

    async def exchange() -> web.Response:
        nonlocal exchanges
        exchanges += 1
        if exchanges == 1:
            return grant("first", 4.5)
        await enough.wait()
        return grant("second")

    async def activate(ids: list[str]) -> web.Response:
        sent[exchanges] += 1
        if sent[2] == 20:
            enough.set()
        return all_active(ids)

    async with gateway(activate, exchange) as api, fleet(redis_url, api) as workers:
        workers.start(rate=40.0)
        job = jobs.put(15 * 180)
        workers.submit(job)
        # Its margin is a third of the token's life, in which 60 requests are due.
        await until(lambda: jobs.rests(job))
    assert sent[2] >= 20
    assert exchanges == 2
    assert jobs.report(job).requests["by_status"] == {"200": 180}


async def test_a_token_that_lives_for_less_than_a_wait_for_a_send_time_is_used(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(token_lifetime=1) as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=2.0)
        job = jobs.put(15 * 7)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert report.counts["activated"] == len(job.ids)
        assert report.requests["charged"] == 7


async def test_a_worker_that_stops_waits_for_no_exchange(jobs: Jobs, redis_url: str) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def exchange() -> web.Response:
        asked.set()
        await answer.wait()
        return grant("late")

    async def activate(ids: list[str]) -> web.Response:
        return all_active(ids)

    async with gateway(activate, exchange) as api, fleet(redis_url, api) as workers:
        worker = workers.start()
        job = jobs.put(15 * 10)
        workers.submit(job)
        await asked.wait()
        await until(lambda: jobs.mark(job) > 0)
        try:
            async with asyncio.timeout(5):
                await workers.stop(worker)
        finally:
            answer.set()
        assert not jobs.claimed(job)
        assert jobs.report(job).counts["pending"] == len(job.ids)
