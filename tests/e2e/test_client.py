"""The client from submission to results, against real workers and a real HTTP server."""

import asyncio
from collections import Counter

import pytest

from producers import AsyncClient, Client, JobUnfinishedError, Progress, State
from tests.e2e.stack import ORG, Simulator, Stack, expected, new_ids, simulator


def test_a_list_is_submitted_waited_for_read_and_retried(stack: Stack, api: Simulator) -> None:
    ids = new_ids(600)
    with Client(redis_url=stack.redis_url) as client:
        stack.worker(api)
        job = client.submit((token_id for token_id in ids), org_id=ORG, labels={"ticket": "SEC-1"})
        report = job.wait(timeout=90)
        assert (report.state, report.labels, report.balanced) == (State.COMPLETED, {"ticket": "SEC-1"}, True)
        world = api.world()
        rows = list(job.results())
        assert [(row.id, row.outcome) for row in rows] == [
            (token_id, expected(world, token_id)) for token_id in ids
        ]
        failed = [row.id for row in job.results(outcomes={"failed"})]
        assert failed
        outcomes: Counter[str] = Counter(row.outcome for row in rows)
        assert {name: count for name, count in report.counts.items() if count} == {"total": 600, **outcomes}
        assert job.verify().balanced
        child = job.retry()
        assert child.wait(timeout=90).counts["total"] == len(failed)
        assert [row.id for row in job.results(merged=True)] == ids
        assert client.live_workers() >= 1


def test_progress_is_followed_and_a_job_paused_and_resumed_under_way(stack: Stack) -> None:
    with simulator() as api, Client(redis_url=stack.redis_url) as client:
        stack.worker(api, rate=20)
        job = client.submit(new_ids(1500), org_id=ORG)
        for step in job.follow(timeout=90):
            if isinstance(step, Progress) and step.report.counts["activated"]:
                job.pause("look first")
        with pytest.raises(JobUnfinishedError, match="look first"):
            job.wait()
        job.resume()
        assert client.set_rate(ORG, 1000).warning is not None
        with Client(redis_url=stack.redis_url, api_url=api.url) as there:
            assert there.set_rate(ORG, 1000).warning is None
        assert job.wait(timeout=90).counts["activated"] == 1500


async def test_the_asynchronous_client_does_the_same_and_holds_up_no_loop(
    stack: Stack, api: Simulator
) -> None:
    ids = new_ids(5000)
    async with AsyncClient(redis_url=stack.redis_url) as client:
        assert (await client.plan(ids)).manifest.unique == 5000
        job = await client.submit(ids, org_id=ORG, weight=2)
        waits = [asyncio.ensure_future(client.job(job.id).wait(90)) for _ in range(20)]
        stack.worker(api)
        reports = await asyncio.gather(*waits)
        assert {report.state for report in reports} == {State.COMPLETED}
        assert [row.id async for row in job.results()] == ids
        written: list[bytes] = []
        assert await job.write_results(written.append, "ndjson") == frozenset()
        assert b"".join(written).count(b"\n") == 5000
        assert (await job.verify()).balanced
        assert (await job.progress()).is_last
        assert "tokens are active" in await job.page()
        assert (await job.write_folder(stack.home / "results")).state is State.COMPLETED
        child = await job.retry(labels={"again": "yes"})
        assert (await child.cancel("enough")).changed
        assert [each.id for each in await client.jobs("completed")][-1] == job.id
        assert (await client.set_rate(ORG, "default")).order == "default"
        assert await client.live_workers() >= 1


async def test_an_asynchronous_wait_ends_by_its_time_and_by_what_became_of_the_job(stack: Stack) -> None:
    async with AsyncClient(redis_url=stack.redis_url) as client:
        job = await client.submit(new_ids(5), org_id=ORG)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.wait(), 0.1)
        assert (await job.pause()).state is State.PAUSED
        with pytest.raises(JobUnfinishedError):
            await job.wait()
        assert (await job.resume()).state is State.QUEUED
        assert (await job.cancel()).state is State.CANCELLED
        await job.purge()
        assert await client.summaries() == []
