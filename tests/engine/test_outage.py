"""An API that is away is not hammered, costs no id an attempt, and is found again by one real batch."""

import time

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.api.standin import StandIn, stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import all_active, gateway
from tests.engine.jobs import Job, Jobs
from worker.core.reporting.bottleneck import FAULTS, bottleneck
from worker.core.retrying.breaker import MANY

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


async def test_a_job_says_one_thing_of_an_api_that_cannot_be_reached(jobs: Jobs, redis_url: str) -> None:
    async with fleet(redis_url, "http://127.0.0.1:1") as workers:
        with capture_logs() as logs:
            workers.start()
            job = jobs.put(15 * 20)
            workers.submit(job)
            await until(lambda: waits(jobs, job))
            said = set()

            def probes_failed() -> bool:
                said.add(jobs.report(job).state_reason.message)
                return [entry["event"] for entry in logs].count("circuit breaker") > 3

            await until(probes_failed)
        assert len(said) == 1


async def test_the_wait_for_an_api_that_is_away_is_no_lack_of_workers(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(faults={"hang": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(request_timeout=0.1)
        job = jobs.put(15 * 20)
        workers.submit(job)
        await until(lambda: waits(jobs, job))
        asked = await api.requests()

        async def a_probe_came() -> bool:
            return await api.requests() > asked + 1

        await until(a_probe_came)
        await api.control(faults={"hang": 0.0})
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        seconds = report.progress.seconds
        # Of the 20 batches most stood behind the breaker for most of the time.
        assert seconds["backing_off"] > 10 * seconds["active"]
        sent = report.requests["sent"]
        assert bottleneck(seconds, sent=sent, throttled=0, allowed=None) == FAULTS


async def test_one_batch_alone_goes_out_as_the_probe(jobs: Jobs, redis_url: str) -> None:
    """With the API silent, whatever arrives after the breaker opened comes alone."""
    async with stand_in(faults={"hang": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=MANY, request_timeout=0.5)
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
        # Of this list, the seed spoils two, in batches apart.
        job = jobs.put(15 * 6, list_no=90_000_009)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        culprits = await poisoned(api)
        assert culprits
        rows = jobs.rows(job)
        assert {name for name, row in rows.items() if row.outcome == "unknown"} == culprits
        assert {rows[name].reason for name in culprits} == {"HTTP_500"}
        assert {row.outcome for name, row in rows.items() if name not in culprits} == {"activated"}
        assert jobs.report(job).requests["probes"] > 0
        assert jobs.balances(job)


async def test_what_waits_to_be_sent_again_keeps_no_healthy_id_waiting(jobs: Jobs, redis_url: str) -> None:
    """More batches wait to be sent again than there are senders, and the others go out meanwhile."""
    senders = 4
    silent = True

    async def answer(ids: list[str]) -> web.Response:
        return web.json_response({"successes": []}) if silent else all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        workers.start(concurrency=1)
        job = jobs.put(15 * 40)
        workers.submit(job)
        # All were sent once before one was sent twice: its first wait is half a second, at 1,000 a second.
        await until(lambda: jobs.report(job).counts["ambiguous"] == len(job.ids))
        assert jobs.report(job).requests["sent"] > 4 * senders
        silent = False
        await until(lambda: jobs.rests(job))
        assert {row.outcome for row in jobs.rows(job).values()} == {"activated"}


@pytest.mark.parametrize(
    ("outage", "told"),
    [
        ("redirect", "the API redirects (HTTP 302) to the path /login"),
        ("login", "the API redirects to login.example: set BULK_ACTIVATE_API_URL"),
        ("moved_301", "the API redirects to console.moved.example: set BULK_ACTIVATE_API_URL"),
        ("moved_307", "the API redirects to console.moved.example: set BULK_ACTIVATE_API_URL"),
        ("moved", "the API redirects to console.moved.example: set BULK_ACTIVATE_API_URL"),
        ("html_403", "something between here and the API answered 403 as text, not the API"),
        ("empty_400", "something between here and the API answered 400 with nothing, not the API"),
        ("text_405", "answered 405 as text"),
        ("proxy", "the proxy between here and the API"),
        ("captive", "sign-in"),
        ("html_200", "the API does not answer (HTTP 200)"),
        ("error_200", "the API does not answer (HTTP 503)"),
        ("busy", "the API does not answer (HTTP 503)"),
    ],
)
async def test_what_stands_before_the_api_refuses_nothing(
    jobs: Jobs, redis_url: str, outage: str, told: str
) -> None:
    """From the first request on, and later after good answers too: nobody pays, nothing is taken apart."""
    async with stand_in(outage=outage) as api, fleet(redis_url, api.url) as workers:
        workers.start(max_attempts=2)
        job = jobs.put(15 * 40)
        workers.submit(job)

        def is_told() -> bool:
            reason = jobs.report(job).state_reason
            return reason.code == "api_unavailable" and told in (reason.message or "")

        await until(is_told)
        await until(lambda: jobs.report(job).requests["sent"] >= 3)
        assert jobs.state(job) == "running"
        counts = jobs.report(job).counts
        assert counts["pending"] + counts["ambiguous"] == len(job.ids)
        await api.control(outage=None)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.counts["activated"], report.requests["probes"]) == ("completed", 600, 0)
        # Each of its 40 requests once, for the answer that settled it.
        assert report.requests["charged"] == 40
        stats = await api.stats()
        # What may be the doing of an id is asked after one by one, where nobody else is answered.
        assert set(stats["batch_sizes"]) <= ({"15", "1", "14"} if "HTTP" in told else {"15"})
        await agrees(jobs, job, api)


async def test_one_id_that_breaks_the_only_request_is_found(jobs: Jobs, redis_url: str) -> None:
    """Nobody else is there whose good answers could tell that the API is not away."""
    job = jobs.put(15)
    culprit = job.ids[9]

    async def answer(ids: list[str]) -> web.Response:
        return web.Response(status=503) if culprit in ids else all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        workers.start()
        workers.submit(job)
        await until(lambda: jobs.rests(job), deadline=90)
        outcomes = jobs.outcomes(job)
        assert outcomes.pop(culprit) == "unknown"
        assert set(outcomes.values()) == {"activated"}
        assert jobs.rows(job)[culprit].reason == "HTTP_503"
        assert jobs.balances(job)


async def test_a_refused_organization_is_believed_at_once_or_when_it_is_refused_again(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(forbid=True) as api, fleet(redis_url, api.url) as workers:
        workers.start(concurrency=1)
        first = jobs.put(15 * 40)
        workers.submit(first)
        await until(lambda: jobs.rests(first))
        assert jobs.state(first) == "failed"
        refused_at_once = await api.requests()
        assert refused_at_once <= 4
        await api.control(forbid=False, latency=20)
        second = jobs.put(15 * 400)
        workers.submit(second)
        await until(lambda: jobs.report(second).counts["activated"] > 0)
        await api.control(forbid=True)
        await until(lambda: jobs.report(second).requests["by_status"].get("403", 0) > 0)
        await api.control(forbid=False)
        await until(lambda: jobs.rests(second))
        assert (jobs.state(second), jobs.report(second).counts["activated"]) == ("completed", 6000)
        third = jobs.put(15 * 400)
        workers.submit(third)
        await until(lambda: jobs.report(third).counts["activated"] > 0)
        await api.control(forbid=True)
        await until(lambda: jobs.rests(third))
        report = jobs.report(third)
        assert (report.state, report.state_reason.code) == ("failed", "organization_forbidden")
        assert report.counts["activated"] > 0
        assert report.requests["by_status"]["403"] >= 2
