"""A worker whose claim another took stops sending, and what it still writes changes nothing."""

import asyncio

from structlog.testing import capture_logs

from tests.api.clients import ORG
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Job, Jobs
from worker.core.outcome import Outcome
from worker.core.scope import Scope
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.commit_payload import CommitPayload
from worker.store.connect import async_client

RATE = 100.0


async def take_over(jobs: Jobs, job: Job, store: ClaimStore) -> Claim:
    """Claims slice 0 as another worker does once its lease ran out."""
    while True:
        jobs.client.zadd(keys.job(job.job_id, "claimed"), {"0": 1})
        claim, _ = await store.claim(job.job_id, 0, nonce="another", worker="another")
        # Else the one that holds it renewed its lease in between.
        if isinstance(claim, Claim):
            return claim


async def test_a_worker_that_lost_its_claim_stops_and_the_job_ends_well(jobs: Jobs, redis_url: str) -> None:
    client = async_client(redis_url)
    async with client, stand_in(latency=20) as api, fleet(redis_url, api.url) as workers:
        store = ClaimStore(client, Scope(api.url))
        job = jobs.put(15 * 150)
        loser = workers.engine(rate=RATE)
        try:
            work = asyncio.create_task(loser.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            claim = await take_over(jobs, job, store)
            await work
        finally:
            await loser.close()
        sent = 15 * await api.requests()
        assert sent < len(job.ids)
        # What was settled before stands; what was marked and not settled is in doubt, whatever was sent.
        counts = jobs.report(job).counts
        world = await api.world()
        in_doubt = {name for name, out in jobs.outcomes(job).items() if out == Outcome.AMBIGUOUS}
        assert counts["activated"] + len(in_doubt) + counts["pending"] == len(job.ids)
        outcomes = jobs.outcomes(job)
        assert all(outcomes[name] != Outcome.PENDING for name in world)
        assert jobs.balances(job)
        await store.commit(claim, 1, 0, CommitPayload(), ClaimEnd.HAND_OVER)
        workers.start()
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == len(job.ids)
        assert {line["activations"] for line in (await api.world()).values()} == {1}
        await agrees(jobs, job, api)


async def test_a_worker_that_lost_its_claim_sends_no_more_than_it_had_marked(
    jobs: Jobs, redis_url: str
) -> None:
    client = async_client(redis_url)
    async with client, stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 150)
        loser = workers.engine(rate=RATE)
        try:
            work = asyncio.create_task(loser.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            marked = [jobs.mark(job)]
            await take_over(jobs, job, ClaimStore(client, Scope(api.url)))
            await work
        finally:
            await loser.close()
        # Between the look and the taking the mark may have been raised once more, by what one run holds.
        assert len(await api.world()) <= marked[0] + 15 * (RATE / 10)


async def test_a_job_that_vanished_stops_the_sending(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 150)
        engine = workers.engine(rate=RATE)
        try:
            work = asyncio.create_task(engine.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            jobs.client.delete(*jobs.client.keys(f"bulk:{{{job.job_id}}}:*"))
            await work
        finally:
            await engine.close()
        assert await api.requests() < 150
        assert jobs.client.keys("bulk:{*") == []


async def test_a_job_that_is_gone_from_redis_is_an_error_that_tells_what_is_known_of_it(
    jobs: Jobs, redis_url: str
) -> None:
    """As of a server that was restarted without its data."""
    async with stand_in(latency=20) as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 150)
        engine = workers.engine(rate=RATE)
        try:
            with capture_logs() as told:
                work = asyncio.create_task(engine.run_slice(job.job_id, 0))
                await until(lambda: jobs.settled(job) > 0)
                known = jobs.settled(job)
                jobs.client.flushall()
                await work
        finally:
            await engine.close()
        errors = [line for line in told if "gone from Redis" in line["event"]]
        assert errors
        assert not [line for line in told if "another worker" in line["event"]]
        assert all((line["log_level"], line["org_id"]) == ("error", ORG) for line in errors)
        assert known <= errors[0]["settled"] <= 15 * await api.requests()
