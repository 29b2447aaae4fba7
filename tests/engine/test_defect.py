"""A defect of ours, or a store that refuses for good: the slice is given back and the fault is seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ResponseError

from tests.api.clients import ORG, Parts, parts, settings_for
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.fleet import FAST, fleet
from tests.engine.jobs import Job, Jobs
from worker.api.client import ActivationClient
from worker.core.answers.reply import NoReply, Reply
from worker.core.retrying.policy import Policy
from worker.core.scope import Scope
from worker.engine.circuit_gate import CircuitGate
from worker.engine.dispatchers import Dispatchers
from worker.engine.job_view import JobView
from worker.engine.redis_retry import RedisRetry
from worker.engine.services import Services
from worker.engine.slice_progress import SliceProgress
from worker.engine.slice_runner import SliceRunner
from worker.store import keys
from worker.store.claims import Claim, ClaimStore
from worker.store.connect import async_client
from worker.store.script_calls import Ticket


class DefectError(Exception):
    pass


class Broken(ActivationClient):
    """Sends every request, and fails at the answer of the third."""

    def __init__(self, mine: Parts) -> None:
        super().__init__(mine.session, mine.tokens)
        self._calls = 0

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply:
        self._calls += 1
        broken = self._calls == 3
        reply = await super().activate(org_id, ids)
        if broken:
            raise DefectError
        return reply


@asynccontextmanager
async def slice_run(
    redis_url: str, api_url: str, job: Job, api: ActivationClient, queued: list[Ticket]
) -> AsyncIterator[SliceRunner]:
    """Slice 0 of `job`, claimed, with parts of its own."""

    async def queue(_job_id: str, tickets: object) -> None:
        queued.extend(tickets)  # type: ignore[arg-type]  # tickets, by the alias.

    async with async_client(redis_url) as client:
        store = ClaimStore(client, Scope(api_url))
        claim, _ = await store.claim(job.job_id, 0, nonce="n", worker="w")
        assert isinstance(claim, Claim)
        services = Services(store, api, Policy(), queue, RedisRetry(), CircuitGate())
        settings = settings_for(api_url, redis_url=redis_url, rate=FAST, concurrency=4)
        dispatchers = Dispatchers(settings, client, services, "w")
        try:
            yield SliceRunner(services, dispatchers.of(ORG), claim, JobView(), SliceProgress(claim))
        finally:
            await dispatchers.close()


async def test_a_defect_gives_the_slice_back_and_surfaces(jobs: Jobs, redis_url: str) -> None:
    queued: list[Ticket] = []
    job = jobs.put(15 * 100)
    async with stand_in(latency=5) as api, parts(api.url) as mine:
        async with slice_run(redis_url, api.url, job, Broken(mine), queued) as run:
            with pytest.raises(DefectError):
                await run.run()
        assert (jobs.claimed(job), jobs.mark(job), queued) == (0, 0, [Ticket(0, len(job.ids))])
        assert jobs.waiting(job)[0] > 0
        sent = await api.world()
        assert len(sent) < len(job.ids)
        # The batch whose answer was dropped is in doubt; all others that were sent are settled.
        outcomes = jobs.outcomes(job)
        assert (
            sorted(outcomes[name] for name in sent) == ["activated"] * (len(sent) - 15) + ["ambiguous"] * 15
        )
        assert jobs.balances(job)


async def test_another_worker_goes_on_after_a_defect_and_the_record_is_right(
    jobs: Jobs, redis_url: str
) -> None:
    job = jobs.put(15 * 20)
    async with stand_in() as api, parts(api.url) as mine:
        async with slice_run(redis_url, api.url, job, Broken(mine), []) as run:
            with pytest.raises(DefectError):
                await run.run()
        async with fleet(redis_url, api.url) as workers:
            workers.start()
            workers.submit(job)
            await until(lambda: jobs.rests(job))
    assert set(jobs.outcomes(job).values()) == {"activated"}


async def test_a_record_that_cannot_be_written_ends_the_slice_and_surfaces(
    jobs: Jobs, redis_url: str
) -> None:
    """A key of another type stands for whatever the store refuses for good."""
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * 192)
        engine = workers.engine(rate=200.0)
        try:
            work = asyncio.create_task(engine.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) > 0)
            jobs.client.delete(keys.of_slice(job.job_id, "out", 0))
            jobs.client.rpush(keys.of_slice(job.job_id, "out", 0), "no string")
            await until(work.done)
            with pytest.raises(ResponseError, match="WRONGTYPE"):
                await work
        finally:
            await engine.close()
        assert await api.requests() < 192
