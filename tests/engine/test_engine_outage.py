"""An API that is away is not hammered, costs no id an attempt, and is found again by one real batch."""

import time

import pytest

from tests.api.standin import StandIn, stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Job, Jobs
from worker.core.breaker import MANY

WAITS = "the API does not answer"


def waits(jobs: Jobs, job: Job) -> bool:
    """The job says that it stands behind an open breaker."""
    reason = jobs.report(job).state_reason
    return reason.code == "api_unavailable" and WAITS in (reason.message or "")


async def test_an_outage_stops_the_sending_and_costs_no_id_an_attempt(jobs: Jobs, redis_url: str) -> None:
    in_flight = 4
    async with stand_in(faults={"error": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=in_flight)
        job = jobs.put(15 * 100, per_slice=15 * 50)
        workers.submit(job)
        await until(lambda: waits(jobs, job))
        assert jobs.state(job) == "running"
        # The run that opened the breaker, what was in flight beside it, and a probe now and then.
        assert await api.requests() < MANY + 2 * in_flight
        await api.control(faults={"error": 0.0})
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.state_reason.code) == ("completed", None)
        assert report.requests["charged"] == report.requests["ok"]
        assert {row.attempts for row in jobs.rows(job).values()} == {1}
        assert {row.outcome for row in jobs.rows(job).values()} == {"activated"}
        await agrees(jobs, job, api)


async def test_one_batch_alone_goes_out_as_the_probe(jobs: Jobs, redis_url: str) -> None:
    """With the API silent, whatever arrives after the breaker opened comes alone."""
    async with stand_in(faults={"hang": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=MANY, request_timeout=0.2)
        job = jobs.put(15 * 60)
        workers.submit(job)
        await until(lambda: waits(jobs, job))
        seen = MANY

        async def they_are_gone() -> bool:
            nonlocal seen
            stats = await api.stats()
            seen = int(stats["requests"])
            return int(stats["concurrent"]) <= 1

        # Those that were in flight when it opened time out as well.
        await until(they_are_gone)
        together = []

        async def two_more_came() -> bool:
            stats = await api.stats()
            together.append(stats["concurrent"])
            return int(stats["requests"]) >= seen + 2

        await until(two_more_came)
        assert max(together) == 1
        await api.control(faults={"hang": 0.0})
        await until(lambda: jobs.rests(job))
        assert {row.outcome for row in jobs.rows(job).values()} == {"activated"}
        assert jobs.report(job).requests["charged"] == 60


async def test_a_job_of_one_batch_that_times_out_again_and_again_waits_too(
    jobs: Jobs, redis_url: str
) -> None:
    """Few failures over a long time are an outage as well; five attempts would be gone by then."""
    async with stand_in(faults={"hang": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(request_timeout=0.2, max_attempts=5)
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: waits(jobs, job))
        await api.control(faults={"hang": 0.0})
        await until(lambda: jobs.rests(job))
        assert {(row.outcome, row.attempts) for row in jobs.rows(job).values()} == {("activated", 1)}


@pytest.mark.parametrize("slices", [1, 2])
async def test_a_deadline_ends_a_job_behind_an_open_breaker(jobs: Jobs, redis_url: str, slices: int) -> None:
    async with stand_in(faults={"error": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(15 * 40 * slices, per_slice=15 * 40)
        workers.submit(job)
        await until(lambda: waits(jobs, job))
        past = str(int(time.time() * 1000) - 1)
        jobs.client.hset(f"bulk:{{{job.job_id}}}:job", "deadline_ms", past)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.state_reason.code) == ("expired", "deadline")
        # What was sent may be active; what waited was not sent.
        assert report.counts["unknown"] + report.counts["not_attempted"] == len(job.ids)
        assert report.counts["not_attempted"] > 0
        assert sum(group.count for group in report.failures) == len(job.ids)
        assert jobs.balances(job)


async def poisoned(api: StandIn) -> set[str]:
    return {name for name, line in (await api.world()).items() if not line["active"]}


async def test_ids_that_break_the_api_are_no_outage_and_harm_nobody(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(poison=0.03, poison_status=500, seed=4) as api, fleet(redis_url, api.url) as workers:
        workers.start(max_attempts=3)
        job = jobs.put(15 * 30)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        culprits = await poisoned(api)
        assert len(culprits) > 3
        rows = jobs.rows(job)
        assert {name for name, row in rows.items() if row.outcome == "unknown"} == culprits
        assert {rows[name].reason for name in culprits} == {"HTTP_500"}
        assert {row.outcome for name, row in rows.items() if name not in culprits} == {"activated"}
        assert jobs.report(job).requests["probes"] > 0
        assert jobs.balances(job)


async def test_what_waits_to_be_sent_again_keeps_no_healthy_id_waiting(jobs: Jobs, redis_url: str) -> None:
    """More batches wait to be sent again than there are senders, and the others go out meanwhile."""
    senders = 4
    async with stand_in(faults={"html": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=1)
        job = jobs.put(15 * 40)
        workers.submit(job)
        # All were sent once before one was sent twice: its first wait is half a second, at 1,000 a second.
        await until(lambda: jobs.report(job).counts["ambiguous"] == len(job.ids))
        assert jobs.report(job).requests["sent"] > 4 * senders
        await api.control(faults={"html": 0.0})
        await until(lambda: jobs.rests(job))
        assert {row.outcome for row in jobs.rows(job).values()} == {"activated"}
