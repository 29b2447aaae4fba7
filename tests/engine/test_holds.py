"""Who listens for holds ends when told to, whatever it is just doing."""

import asyncio

import pytest

from tests.api.waiting import until
from worker.engine.limiter.holds import Holds
from worker.store.connect import async_client


@pytest.mark.parametrize("turns", range(12))
async def test_it_closes_at_whichever_turn_of_the_loop(redis_url: str, turns: int) -> None:
    """In one of them the client takes the cancellation for the end of what it sent, up to Python 3.11."""
    async with async_client(redis_url) as client:
        # So that there is a connection: from here on, the turns of a subscription are the same each time.
        await client.ping()
        holds = Holds(client, lambda _budget, _seconds: None)
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.create_task(holds.close())
        await until(closing.done)
