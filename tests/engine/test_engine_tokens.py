"""Access tokens that some nodes refuse, and exchanges that somebody else answers: nobody is charged."""

import pytest

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
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
