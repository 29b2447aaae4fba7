"""Real nginx as a limiter. Without it these tests are skipped, except where CI=true."""

import asyncio
import os

import aiohttp
import pytest

from tests.e2e.stack import until
from tests.limits.nginx import Nginx, nginx
from tests.limits.started import limited_api

ACTIVATE = "/csp/gateway/am/api/orgs/an-org/api-tokens/activate"


async def call(limit: Nginx, times: int) -> list[int]:
    async with aiohttp.ClientSession(limit.url) as session:

        async def one() -> int:
            async with session.post(ACTIVATE, json={"ids": ["one"]}) as response:
                await response.read()
                return response.status

        return await asyncio.gather(*(one() for _ in range(times)))


@pytest.mark.parametrize(
    ("burst", "admitted"), [("burst=10 nodelay", 11), ("", 1)], ids=["burst", "no burst"]
)
async def test_refuses_what_is_above_its_rate_and_burst(burst: str, admitted: int) -> None:
    with nginx(1, burst=burst) as limit:
        statuses = await call(limit, 50)
        until(lambda: len(limit.arrivals()) == 50)
        arrivals = limit.arrivals()
    # A second or more under load would let one more pass.
    assert statuses.count(200) in range(admitted, admitted + 3)
    assert statuses.count(200) + statuses.count(429) == 50
    assert sorted(arrival.status for arrival in arrivals) == sorted(statuses)


async def test_what_it_lets_through_reaches_the_api_behind_it() -> None:
    with limited_api() as api, nginx(1, behind=api.url) as limit:
        statuses = await call(limit, 30)
        stats = api.stats()
        # The exchange of tokens is not limited.
        async with aiohttp.ClientSession(limit.url) as session:
            for _ in range(20):
                async with session.post("/csp/gateway/am/api/auth/api-tokens/authorize") as response:
                    assert response.status == 200
    assert stats["admitted"] == stats["requests"] == statuses.count(200) < 30


def test_it_ends_with_whoever_asked_for_it() -> None:
    with nginx(1) as limit:
        os.kill(limit.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(limit.pid, 0)
