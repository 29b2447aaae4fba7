"""Two environments on one Redis: a job goes to one API alone, and to no organization of others."""

import pytest
from structlog.testing import capture_logs

from tests.api.clients import ORG
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.core.job import Control
from worker.store import keys

OTHER = "0f2c1d6e-0000-4000-8000-00000000000f"
FORGED = "../../x"


async def test_a_job_goes_to_one_api_though_workers_of_two_take_its_messages(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as prod, stand_in() as staging, fleet(redis_url, prod.url) as workers:
        job = jobs.put(15 * 24, per_slice=15 * 2)
        workers.start(api_url=staging.url)
        workers.start()
        workers.start(api_url=staging.url)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        bound = jobs.report(job).api_url
        mine, other = (prod, staging) if bound == prod.url else (staging, prod)
        assert {line["activations"] for line in (await mine.world()).values()} == {1}
        assert set(await mine.world()) == set(job.ids)
        assert await other.requests() == 0


async def test_a_job_of_another_api_waits_says_so_and_goes_on_with_the_right_worker(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as prod, stand_in() as staging, fleet(redis_url, prod.url) as workers:
        job = jobs.put(15 * 40, per_slice=15 * 4)
        first = workers.start(rate=20.0)
        workers.submit(job)
        await until(lambda: jobs.settled(job) > 0)
        await workers.stop(first)
        sent: list[object] = []
        with capture_logs() as logs:
            workers.start(api_url=staging.url)
            workers.submit(job)
            other = jobs.put(30)
            workers.submit(other)
            workers.on_send = lambda: sent.append(1)
            await until(lambda: jobs.rests(other))
            # Those of the first worker are forgotten after some seconds, as if it had been gone for long.
            jobs.client.zremrangebyscore(keys.SCOPES, "-inf", jobs.store.now_ms() - 3000)
            await until(lambda: jobs.report(job).state_reason.code == "other_api_host")
        report = jobs.report(job)
        assert report.state == "running"
        assert prod.url in str(report.state_reason.message)
        # Nobody who serves it lives: no message goes round, and it is told of once.
        assert sent == []
        left = [line for line in logs if line.get("job_id") == job.job_id and line["log_level"] == "warning"]
        assert len(left) == 1
        workers.start()
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).state_reason.code is None
        assert jobs.report(job).counts["activated"] == len(job.ids)
        assert await staging.requests() == 2
        assert jobs.balances(job)


async def test_a_worker_leaves_organizations_to_others_that_its_list_does_not_name(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(orgs=(ORG, OTHER)) as api, fleet(redis_url, api.url) as workers:
        workers.start(orgs=(OTHER,))
        mine, other = jobs.put(30), jobs.put(30, org=OTHER)
        workers.submit(mine, other)
        await until(lambda: jobs.rests(other))
        assert jobs.report(mine).state_reason.code == "organization_not_served"
        assert jobs.settled(mine) == 0
        workers.start(orgs=(ORG, OTHER))
        await until(lambda: jobs.rests(mine))
        assert jobs.report(mine).counts["activated"] == 30


async def test_a_forged_organization_is_sent_nowhere_and_stops_nobody(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        with capture_logs() as logs:
            workers.start()
            forged = jobs.put(15 * 40, per_slice=15, org=FORGED)
            job = jobs.put(30)
            workers.submit(forged, job)
            await until(lambda: jobs.rests(forged) and jobs.rests(job))
        report = jobs.report(forged)
        assert (report.state, report.state_reason.code) == ("failed", "malformed_organization")
        assert report.counts["not_attempted"] == len(forged.ids)
        assert jobs.report(job).counts["activated"] == 30
        assert await api.requests() == 2
        assert (await api.stats())["exchanges"] == 1
        assert not [key for key in jobs.client.scan_iter("bulk:budget:*") if FORGED.encode() in key]
        assert len([line for line in logs if line.get("job_id") == forged.job_id]) == 1


@pytest.mark.parametrize("paused", [False, True])
async def test_a_worker_for_one_job_leaves_every_other_exactly_as_it_is(
    jobs: Jobs, redis_url: str, paused: bool
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        other = jobs.put(15 * 40, per_slice=15 * 4)
        first = workers.start(rate=20.0)
        workers.submit(other)
        await until(lambda: jobs.settled(other) > 0)
        await workers.stop(first)
        if paused:
            jobs.control(other, Control.PAUSE)
        before = {key: jobs.client.dump(key) for key in jobs.client.scan_iter(f"bulk:{{{other.job_id}}}*")}
        done = await api.requests()
        mine = jobs.put(30)
        workers.start(only_job=mine.job_id)
        workers.submit(other, mine)
        await until(lambda: jobs.rests(mine))
        assert await api.requests() == done + 2
        after = {key: jobs.client.dump(key) for key in jobs.client.scan_iter(f"bulk:{{{other.job_id}}}*")}
        assert after == before
