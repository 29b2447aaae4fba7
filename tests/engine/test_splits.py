"""One bad id harms nobody else: how refused requests are taken apart, and what that may cost."""

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from tests.api.waiting import until
from tests.engine.fleet import fleet
from tests.engine.gateway import all_active, gateway
from tests.engine.jobs import Jobs
from worker.core.batches.split import FREE_PROBES
from worker.core.job import Control


def culprits_of(ids: tuple[str, ...], *places: int) -> set[str]:
    return {ids[place] for place in places}


@pytest.mark.parametrize(
    ("places", "status", "requests"),
    [
        pytest.param((0,), 400, 9, id="one culprit"),
        pytest.param((3,), 413, 9, id="one whose message is too large"),
        pytest.param((3,), 409, 10, id="one in conflict, asked once more before"),
        pytest.param((0, 8), 400, 15, id="two culprits"),
        pytest.param(tuple(range(15)), 400, 20, id="fifteen culprits"),
    ],
)
async def test_innocent_ids_of_a_refused_batch_are_activated(
    jobs: Jobs, redis_url: str, places: tuple[int, ...], status: int, requests: int
) -> None:
    job = jobs.put(15)
    culprits = culprits_of(job.ids, *places)

    async def answer(ids: list[str]) -> web.Response:
        if culprits & set(ids):
            return web.json_response({"message": "One of these is malformed"}, status=status)
        return all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        workers.start()
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        outcomes = jobs.outcomes(job)
        assert {name for name, outcome in outcomes.items() if outcome == "failed"} == culprits
        assert Counter(outcomes.values())["activated"] == 15 - len(culprits)
        made = jobs.report(job).requests
        assert made["sent"] == requests
        assert made["probes"] == requests - (2 if status == 409 else 1)
        # Nobody pays for the search but who was found.
        assert made["charged"] == len(culprits)


async def test_an_api_that_refuses_everything_is_not_asked_many_times_over(
    jobs: Jobs, redis_url: str
) -> None:
    batches = 300

    async def refuse(_ids: list[str]) -> web.Response:
        return web.json_response({"message": "No"}, status=400)

    async with gateway(refuse) as url, fleet(redis_url, url) as workers:
        workers.start()
        workers.start()
        job = jobs.put(15 * batches, per_slice=15 * 50)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        # Workers learn of each other within 100 ms, in which at this rate one alone may spend it all.
        assert FREE_PROBES <= report.requests["probes"] < 2 * FREE_PROBES
        assert report.requests["sent"] - report.requests["probes"] == batches
        assert report.counts["unknown"] + report.counts["failed"] == 15 * batches
        rows = jobs.rows(job).values()
        assert {row.reason for row in rows if row.outcome == "unknown"} == {"PROBES_SPENT"}
        assert {row.reason for row in rows if row.outcome == "failed"} == {"HTTP_400"}
        spent = next(group for group in report.failures if group.reason == "PROBES_SPENT")
        assert spent.retryable
        assert jobs.balances(job)


async def test_the_budget_is_the_jobs_and_not_a_process_s(jobs: Jobs, redis_url: str) -> None:
    """What was spent before counts for whoever claims a slice later."""

    async def refuse(_ids: list[str]) -> web.Response:
        return web.json_response({}, status=400)

    async with gateway(refuse) as url, fleet(redis_url, url) as workers:
        job = jobs.put(15 * 4)
        jobs.client.hset(f"bulk:{{{job.job_id}}}:job", "r_probes", str(FREE_PROBES))
        workers.start()
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.requests["sent"], report.requests["probes"]) == (4, FREE_PROBES)
        assert report.counts["unknown"] == 60


async def test_attempts_are_carried_over_when_a_slice_is_claimed_anew(jobs: Jobs, redis_url: str) -> None:
    """Three attempts in all, over two claims, and not three for each."""
    came: Counter[str] = Counter()
    paused = asyncio.Event()

    async def silent(ids: list[str]) -> web.Response:
        came.update(ids)
        if not paused.is_set() and max(came.values()) > 1:
            await paused.wait()
        return web.json_response({"successes": []})

    async with gateway(silent) as url, fleet(redis_url, url) as workers:
        workers.start(max_attempts=3)
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: max(came.values(), default=0) == 2)
        jobs.control(job, Control.PAUSE)
        paused.set()
        await until(lambda: not jobs.claimed(job))
        assert {row.attempts for row in jobs.rows(job).values()} == {2}
        assert jobs.report(job).counts["ambiguous"] == 15
        workers.send(job.job_id, jobs.control(job, Control.RESUME))
        await until(lambda: jobs.rests(job))
        assert set(came.values()) == {3}
        assert {(row.outcome, row.attempts) for row in jobs.rows(job).values()} == {("unknown", 3)}
        assert jobs.report(job).requests["charged"] == 3


async def test_ids_left_in_doubt_by_others_are_sent_in_full_requests(jobs: Jobs, redis_url: str) -> None:
    """Five of each batch are in doubt when the slice is claimed anew: they share requests, after the rest."""
    sizes: list[int] = []

    async def answer(ids: list[str]) -> web.Response:
        sizes.append(len(ids))
        return all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        job = jobs.put(15 * 6)
        key = f"bulk:{{{job.job_id}}}"
        jobs.client.set(f"{key}:out:0", ("?" * 5 + "A" * 10) * 6)
        jobs.client.hset(f"{key}:job", mapping={"n_pending": 0, "n_ambiguous": 30, "n_activated": 60})
        jobs.client.hset(f"{key}:slice:0", "lengths", f"{15 * 6} 0 0 0")
        workers.start()
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert sizes == [15, 15]
        assert set(jobs.outcomes(job).values()) == {"activated"}
        assert jobs.balances(job)
