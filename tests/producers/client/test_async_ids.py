"""Ids that come from an event loop."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from producers import AsyncClient, BadInputError, Client
from tests.e2e.stack import ORG, new_ids
from tests.servers import RealServer


@pytest.fixture
def ids() -> list[str]:
    return new_ids(5000)


async def coming(ids: list[str]) -> AsyncIterator[str]:
    for number, token_id in enumerate(ids):
        if number % 1000 == 0:
            await asyncio.sleep(0)
        yield token_id


async def test_ids_of_a_loop_are_the_same_list_as_those_of_an_iterable(
    valkey: RealServer, ids: list[str]
) -> None:
    async with AsyncClient(redis_url=valkey.server.url) as client:
        job = await client.submit(coming(ids), org_id=ORG, request_id=ids[0])
        again = await client.submit(ids, org_id=ORG, request_id=ids[0])
        assert again.id == job.id
        assert [row.id async for row in job.results()] == ids
        assert (await client.plan(coming(ids))).manifest == (await client.plan(ids)).manifest


async def test_where_the_ids_fail_nothing_is_stored_and_the_caller_sees_why(
    valkey: RealServer, ids: list[str], client: Client
) -> None:
    before = [summary.job_id for summary in client.summaries()]

    async def broken() -> AsyncIterator[str]:
        async for token_id in coming(ids):
            yield token_id
        raise LookupError("the cursor was closed")

    async with AsyncClient(redis_url=valkey.server.url) as made:
        with pytest.raises(LookupError, match="the cursor was closed"):
            await made.submit(broken(), org_id=ORG)
        with pytest.raises(BadInputError):
            await made.submit(coming(["two words", "again two"]), org_id=ORG)
    assert [summary.job_id for summary in client.summaries()] == before


async def test_a_submission_that_is_cancelled_while_ids_come_stores_nothing(
    valkey: RealServer, ids: list[str], client: Client
) -> None:
    before = [summary.job_id for summary in client.summaries()]
    waits = asyncio.Event()

    async def stuck() -> AsyncIterator[str]:
        async for token_id in coming(ids):
            yield token_id
        waits.set()
        await asyncio.Event().wait()

    async with AsyncClient(redis_url=valkey.server.url) as made:
        task = asyncio.create_task(made.submit(stuck(), org_id=ORG))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # The thread has ended with it.
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [summary.job_id for summary in client.summaries()] == before
