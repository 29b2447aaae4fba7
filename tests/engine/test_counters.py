"""The requests in a job's report are those that the API counted, one for one, once the job rests."""

from typing import Any

import pytest

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs

TROUBLED = {"error": 0.03, "late_error": 0.03, "lose": 0.05, "missing": 0.1, "unauthorized": 0.02}


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({}, id="sound"),
        pytest.param({"fail": 0.1, "active": 0.1, "faults": TROUBLED}, id="troubled"),
        pytest.param({"poison": 0.01, "poison_status": 409}, id="poisoned"),
        pytest.param({"rate": 40, "burst": 30}, id="throttled"),
    ],
)
async def test_the_requests_counted_are_those_that_came(
    jobs: Jobs, redis_url: str, world: dict[str, Any]
) -> None:
    async with stand_in(seed=7, **world) as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=200.0)
        workers.start(rate=200.0)
        job = jobs.put(900, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        stats = await api.stats()
        report = jobs.report(job)
        requests = report.requests
        first_tries = 60
        by_status = stats["by_status"]
        lost = by_status.pop("none", 0)
        assert requests["by_status"] == by_status
        assert requests["sent"] == stats["requests"] == sum(by_status.values()) + lost
        assert requests["ok"] == by_status.get("200", 0)
        assert requests["throttled"] == by_status.get("429", 0)
        assert requests["replayed"] == by_status.get("401", 0)
        # A probe is charged only where it leaves the id at fault alone; a refusal that splits, to nobody.
        uncharged = by_status.get("429", 0) + by_status.get("401", 0) + requests["probes"]
        if "poison" in world:
            refused_whole = stats["batch_sizes"]["15"] - first_tries
            uncharged += 2 * refused_whole - report.counts["failed"]
        # A 5xx to several ids says that one is to be found, and is charged to none; to one alone it is.
        by_5xx = sum(by_status.get(status, 0) for status in ("500", "503"))
        by_5xx = 0 if "poison" in world else requests["probes"] + by_5xx
        assert abs(requests["charged"] - requests["sent"] + uncharged) <= by_5xx
        again = requests["retried"] + requests["probes"] + requests["replayed"] + requests["throttled"]
        assert requests["sent"] == first_tries + again
        await agrees(jobs, job, api)


async def test_requests_in_flight_when_the_job_fails_are_counted_too(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=100, forbid=True) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(900, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert report.state == "failed"
        assert report.requests["sent"] == await api.requests() > 1
        assert report.requests["by_status"] == {"403": report.requests["sent"]}


async def test_time_spent_in_a_hold_is_told_apart_from_waiting_for_the_rate(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(rate=20, burst=5, retry_after="1") as api, fleet(redis_url, api.url) as workers:
        workers.start(rate=200.0)
        job = jobs.put(15 * 12)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert report.requests["throttled"] > 0
        seconds = report.progress.seconds
        assert seconds["held_by_429"] > seconds["waiting_for_rate"] > 0
