"""The stand-in as a process, met by the product's own client."""

import asyncio
import json

import pytest

from tests.api.clients import ORG, parts
from tests.limits.started import Api, limited_api
from worker.core.answers.reply import Reply

IDS = tuple(f"id-{number}" for number in range(15))


async def call(api: Api, times: int, *, at_once: int = 1) -> list[Reply]:
    """`times` activate calls, so many of them in flight."""
    async with parts(api.url) as client:

        async def share() -> list[Reply]:
            return [await one() for _ in range(times // at_once)]

        async def one() -> Reply:
            reply = await client.client.activate(ORG, IDS)
            assert isinstance(reply, Reply), reply
            return reply

        return [
            reply for found in await asyncio.gather(*(share() for _ in range(at_once))) for reply in found
        ]


def statuses(replies: list[Reply]) -> list[int]:
    return [reply.status for reply in replies]


async def test_echoes_the_ids_and_counts_the_requests() -> None:
    with limited_api(latency=0.01) as api:
        replies = await call(api, 200, at_once=8)
        stats = api.stats()
        arrivals = api.arrivals()
        admitted = api.admitted()
    assert {reply.status for reply in replies} == {200}
    assert all(json.loads(reply.body) == {"successes": list(IDS)} for reply in replies)
    assert (
        stats["requests"]
        == stats["admitted"]
        == admitted
        == stats["by_status"]["200"]
        == len(arrivals)
        == 200
    )
    assert [stats["first"], stats["last"]] == [arrivals[0].at, arrivals[-1].at]
    assert [arrival.at for arrival in arrivals] == sorted(arrival.at for arrival in arrivals)


@pytest.mark.parametrize(
    ("limiter", "options"),
    [
        ("bucket", {"rate": 0.01, "burst": 3}),
        ("sliding", {"rate": 0.03, "per": 100}),
        ("fixed", {"rate": 0.03, "per": 100}),
        ("penalty", {"rate": 0.01, "burst": 3, "penalty": 100}),
        ("penalty", {"rate": 0.01, "burst": 3, "penalty": 100, "extends": True}),
    ],
    ids=["bucket", "sliding", "fixed", "penalty", "extending penalty"],
)
async def test_each_limiter_refuses_what_is_above_it(limiter: str, options: dict[str, float]) -> None:
    with limited_api(limiter, retry_after="ceil", headers="fields", **options) as api:
        replies = await call(api, 5)
        stats = api.stats()
    assert statuses(replies) == [200] * 3 + [429] * 2
    assert int(replies[4].headers["Retry-After"]) in range(90, 101)
    assert [reply.headers["RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]
    assert (stats["admitted"], stats["throttled"]) == (3, 2)
    # The last came while the one before had been told to hold.
    assert stats["held"] == 1
    assert stats["held_longest"] > 0


async def test_the_limit_can_be_changed_while_it_runs() -> None:
    with limited_api("sliding", rate=0.02, per=100) as api:
        before = await call(api, 3)
        api.control(rate=0.04, latency=0.001)
        after = await call(api, 3)
    assert statuses(before) == [200, 200, 429]
    assert statuses(after) == [200, 200, 429]


async def test_a_schedule_starts_at_the_first_request() -> None:
    with limited_api("sliding", per=100, schedule="0.03:1000,0.01:1") as api:
        assert statuses(await call(api, 4)) == [200, 200, 200, 429]
