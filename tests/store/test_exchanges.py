"""The turn to exchange an API token, and what is told of the last exchange, on every store."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis
from redis.exceptions import RedisError

from tests.store.conftest import Backend
from worker.store import keys
from worker.store.exchanges import (
    EXCHANGE_LOCK_SECONDS,
    LONGEST_PAUSE,
    ExchangeKind,
    ExchangeLockReply,
    ExchangeResult,
    ExchangeStore,
)

ORG = "0f2c1d6e-0000-4000-8000-00000000000a"
KEY = keys.exchange("api.test", ORG)
GIVEN = ExchangeLockReply()

Make = Callable[[str], ExchangeStore]


@pytest.fixture
async def make(backend: Backend, client: redis.Redis) -> AsyncIterator[Make]:
    own = backend.asynchronous()
    yield lambda worker: ExchangeStore(own, "api.test", worker)
    await own.aclose()


async def test_one_at_a_time(make: Make) -> None:
    stores = [make(f"worker-{number}") for number in range(8)]
    turns = await asyncio.gather(*(store.begin(ORG, mended=False) for store in stores))
    [winner] = [number for number, turn in enumerate(turns) if turn == GIVEN]
    assert all(
        0 < turn.busy <= EXCHANGE_LOCK_SECONDS for number, turn in enumerate(turns) if number != winner
    )
    await stores[winner].end(ORG, ExchangeResult(ExchangeKind.GRANTED), 0)
    assert await stores[winner - 1].begin(ORG, mended=False) == GIVEN


async def test_who_has_the_turn_renews_it_by_asking(make: Make, client: redis.Redis) -> None:
    one, other = make("one"), make("other")
    assert await one.begin(ORG, mended=False) == GIVEN
    before = int(client.hget(KEY, "turn_us") or 0)
    assert await one.begin(ORG, mended=False) == GIVEN
    assert int(client.hget(KEY, "turn_us") or 0) > before
    assert (await other.begin(ORG, mended=False)).busy > 0


async def test_the_turn_of_a_worker_that_died_ends(make: Make, client: redis.Redis) -> None:
    assert await make("dead").begin(ORG, mended=False) == GIVEN
    seconds, micros = client.time()
    client.hset(KEY, "turn_us", seconds * 1_000_000 + micros)
    heir = make("heir")
    assert await heir.begin(ORG, mended=False) == GIVEN
    # It was not dead after all: it does not take the turn from who has it now.
    await make("dead").end(ORG, ExchangeResult(), 0)
    assert (await make("third").begin(ORG, mended=False)).busy > 0


async def test_organizations_and_hosts_do_not_wait_for_each_other(make: Make, backend: Backend) -> None:
    assert await make("one").begin(ORG, mended=False) == GIVEN
    assert await make("two").begin(ORG.replace("a", "b"), mended=False) == GIVEN
    async with backend.asynchronous() as own:
        assert await ExchangeStore(own, "other.test", "two").begin(ORG, mended=False) == GIVEN
    assert (await make("two").begin(ORG.upper(), mended=False)).busy > 0


@pytest.mark.parametrize("kind", [ExchangeKind.REFUSED, ExchangeKind.UNAVAILABLE])
async def test_a_failure_is_told_to_all_until_its_pause_is_over(make: Make, kind: ExchangeKind) -> None:
    one, other = make("one"), make("other")
    await one.begin(ORG, mended=False)
    await one.end(
        ORG, ExchangeResult(kind, 60.0, 3, "beef", "HTTP 400, n\N{LATIN SMALL LETTER O WITH DIAERESIS}"), 0
    )
    for store in (one, other):
        turn = await store.begin(ORG, mended=False)
        assert 59 < turn.pause <= 60
        assert (turn.busy, turn.kind, turn.failures, turn.tag) == (0, kind, 3, "beef")
        assert turn.message.endswith("\N{LATIN SMALL LETTER O WITH DIAERESIS}")
    mended = await other.begin(ORG, mended=True)
    assert (mended.pause == 0) == (kind is ExchangeKind.REFUSED)


async def test_a_pause_of_nothing_is_none(make: Make) -> None:
    one = make("one")
    await one.end(ORG, ExchangeResult(ExchangeKind.UNAVAILABLE, 0.0, 1, "", "no connection"), 0)
    assert (await one.begin(ORG, mended=False)).pause == 0


async def test_failures_of_a_credential_count_until_a_request_is_served(make: Make) -> None:
    one = make("one")
    await one.end(ORG, ExchangeResult(ExchangeKind.REFUSED, 0.0, 4, "beef", "no"), 0)
    await one.begin(ORG, mended=False)
    await one.end(ORG, ExchangeResult(ExchangeKind.GRANTED), 0)
    assert (await one.begin(ORG, mended=False)).failures == 4
    await one.end(ORG, ExchangeResult(ExchangeKind.SERVED), 0)
    assert await one.begin(ORG, mended=False) == GIVEN


async def test_failures_of_the_service_count_until_a_token_is_granted(make: Make) -> None:
    one = make("one")
    await one.end(ORG, ExchangeResult(ExchangeKind.UNAVAILABLE, 0.0, 4, "", "HTTP 503"), 0)
    await one.begin(ORG, mended=False)
    await one.end(ORG, ExchangeResult(ExchangeKind.GRANTED), 0)
    assert await one.begin(ORG, mended=False) == GIVEN


async def test_exchanges_are_counted_for_the_metrics(make: Make, client: redis.Redis) -> None:
    one = make("one")
    for kind in (
        ExchangeKind.GRANTED,
        ExchangeKind.REFUSED,
        ExchangeKind.UNAVAILABLE,
        ExchangeKind.SERVED,
        ExchangeKind.UNKNOWN,
    ):
        await one.end(ORG, ExchangeResult(kind, 1.0, 1), 0)
    await one.end(ORG, ExchangeResult(ExchangeKind.GRANTED), 2)
    assert client.hgetall("bulk:totals") == {
        b"x_granted": b"2",
        b"x_refused": b"1",
        b"x_unavailable": b"1",
        b"x_unshared": b"2",
    }


@pytest.mark.parametrize("value", ["x", "-1", "nan", "inf", "-inf", "1e300", "9" * 400])
@pytest.mark.parametrize("field", ["until_us", "turn_us", "failures"])
async def test_a_number_that_cannot_be_blocks_nobody(
    make: Make, client: redis.Redis, field: str, value: str
) -> None:
    client.hset(KEY, mapping={"holder": "another", "kind": "refused", field: value})
    turn = await make("one").begin(ORG, mended=False)
    assert (turn.pause, turn.busy, turn.failures) == (0, 0, 0)


async def test_a_moment_too_far_ahead_blocks_nobody(make: Make, client: redis.Redis) -> None:
    seconds, _ = client.time()
    ahead = (seconds + int(LONGEST_PAUSE) + 5) * 1_000_000
    client.hset(
        KEY, mapping={"holder": "another", "kind": "unavailable", "until_us": ahead, "turn_us": ahead}
    )
    turn = await make("one").begin(ORG, mended=False)
    assert (turn.pause, turn.busy) == (0, 0)


async def test_what_others_wrote_is_an_error_that_is_known(make: Make, client: redis.Redis) -> None:
    client.set(KEY, "no hash")
    with pytest.raises(RedisError):
        await make("one").begin(ORG, mended=False)
    client.delete(KEY)
    client.hset(KEY, "message", b"\xff\xfe")
    with pytest.raises(ValueError, match=r"(?i)utf-8"):
        await make("one").begin(ORG, mended=False)
