"""Faults that are the job's stop the job, at once and for all its slices."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.api.clients import ORG
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import gateway
from tests.engine.jobs import Jobs
from worker.core.job import Control


@pytest.mark.parametrize(
    ("world", "code"),
    [
        pytest.param({"forbid": True}, "organization_forbidden", id="403"),
        # Two, so that the access token does not name its organization.
        pytest.param({"orgs": ("another-one", "and-another")}, "organization_not_found", id="404"),
    ],
)
async def test_a_refused_organization_fails_the_job(
    jobs: Jobs, redis_url: str, world: dict[str, Any], code: str
) -> None:
    async with stand_in(**world) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(900, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.state_reason.code, report.state_reason.actor) == (
            "failed",
            code,
            "worker",
        )
        assert report.counts["not_attempted"] == 900
        assert set(jobs.outcomes(job).values()) == {"not_attempted"}
        assert workers.problems == []


@pytest.mark.parametrize("slices", [1, 4])
async def test_after_a_403_no_request_goes_out_beyond_those_in_flight(
    jobs: Jobs, redis_url: str, slices: int
) -> None:
    in_flight = 4
    came = 0
    full = asyncio.Event()

    async def forbidden(_ids: list[str]) -> web.Response:
        nonlocal came
        came += 1
        if came == in_flight:
            full.set()
        await full.wait()
        return web.json_response({"message": "forbidden"}, status=403)

    async with gateway(forbidden) as url, fleet(redis_url, url) as workers:
        workers.start(concurrency=in_flight)
        job = jobs.put(300 * slices, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).requests["sent"] == came == in_flight


@pytest.mark.parametrize(
    ("limit", "value"),
    [pytest.param("max_failures", "20", id="many"), pytest.param("max_failure_ratio", "0.1", id="a share")],
)
async def test_past_its_limit_of_failures_a_job_ends_early_with_a_full_report(
    jobs: Jobs, redis_url: str, limit: str, value: str
) -> None:
    async with stand_in(fail=0.5) as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=200.0)
        job = jobs.put(15 * 200, per_slice=15 * 50)
        jobs.client.hset(f"bulk:{{{job.job_id}}}:job", limit, value)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.state_reason.code) == ("failed", "too_many_failures")
        assert report.counts["not_attempted"] > len(job.ids) / 2
        assert report.counts["failed"] > 20
        assert sum(group.count for group in report.failures) == report.unsuccessful()
        assert jobs.balances(job)


async def test_a_refused_credential_pauses_the_job_and_resume_finishes_it(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(refuse_exchange=True) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.state(job) == "paused" and not jobs.claimed(job))
        report = jobs.report(job)
        assert report.state_reason.code == "credential_rejected"
        assert "resume" in str(report.state_reason.message)
        assert report.counts["pending"] == 300
        stats = await api.stats()
        # Every request waited for the same answer, which was asked for once more before it was believed.
        assert (stats["requests"], stats["exchanges"]) == (0, 2)
        await api.control(refuse_exchange=False)
        workers.send(job.job_id, jobs.control(job, Control.RESUME))
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == 300
        await agrees(jobs, job, api)


async def test_a_credential_that_is_refused_in_the_middle_loses_nothing(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=5) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=4)
        job = jobs.put(15 * 100)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        await api.control(refuse_exchange=True, revoke=True)
        await until(lambda: jobs.state(job) == "paused" and not jobs.claimed(job))
        counts = jobs.report(job).counts
        assert counts["ambiguous"] == 0
        assert counts["pending"] > 0
        await api.control(refuse_exchange=False)
        workers.send(job.job_id, jobs.control(job, Control.RESUME))
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == len(job.ids)
        assert {row.reason for row in jobs.rows(job).values()} == {None}
        await agrees(jobs, job, api)


async def test_a_revoked_token_is_renewed_and_the_job_goes_on(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=5) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=4)
        job = jobs.put(15 * 100)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        await api.control(revoke=True)
        await until(lambda: jobs.rests(job))
        assert (await api.stats())["exchanges"] == 2
        report = jobs.report(job)
        assert 0 < report.requests["replayed"] <= 4
        assert report.requests["charged"] == 100
        await agrees(jobs, job, api)


async def test_a_ready_token_that_is_refused_again_and_again_pauses_the_job(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start(access_token="not-the-api's")
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: jobs.state(job) == "paused" and not jobs.claimed(job))
        report = jobs.report(job)
        assert report.state_reason.code == "credential_rejected"
        assert 2 < report.requests["sent"] < 10
        assert report.requests["replayed"] == report.requests["sent"] - 1
        assert report.requests["charged"] == 0
        assert report.counts["pending"] == 15
        assert (await api.stats())["exchanges"] == 0


async def test_a_pause_stops_the_sending_and_resume_goes_on(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        worker = workers.start(rate=100.0)
        job = jobs.put(15 * 80, per_slice=15 * 20)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        jobs.control(job, Control.PAUSE)
        await until(lambda: not jobs.claimed(job))
        sent = await api.requests()
        assert sent < 80
        counts = jobs.report(job).counts
        assert (counts["activated"], counts["ambiguous"]) == (15 * sent, 0)
        await workers.stop(worker)
        assert await api.requests() == sent
        workers.start()
        workers.send(job.job_id, jobs.control(job, Control.RESUME))
        await until(lambda: jobs.rests(job))
        assert {line["sent"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_a_cancel_leaves_the_rest_unsent(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=100.0)
        job = jobs.put(15 * 80, per_slice=15 * 20)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        jobs.control(job, Control.CANCEL)
        await until(lambda: jobs.rests(job))
        sent = await api.requests()
        report = jobs.report(job)
        assert report.state == "cancelled"
        assert (report.counts["activated"], report.counts["unknown"]) == (15 * sent, 0)
        assert report.counts["not_attempted"] == len(job.ids) - 15 * sent > 0
        assert jobs.balances(job)


async def test_another_organization_goes_on(jobs: Jobs, redis_url: str) -> None:
    other = "0f2c1d6e-0000-4000-8000-000000000002"
    async with stand_in(orgs=(other,)) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        both = jobs.put(150, org=ORG), jobs.put(150, org=other)
        workers.submit(*both)
        await until(lambda: all(map(jobs.rests, both)))
        assert [jobs.state(job) for job in both] == ["failed", "completed"]
