"""One exchange at a time over all workers of an organization; they share refusals."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import redis
import redis.asyncio
import structlog
from aiohttp import web
from pydantic import SecretStr

from tests.api.clients import ORG, SECRET, parts, shared_lock
from tests.api.servers import recording
from tests.api.waiting import until
from tests.servers import RealServer, valkey9
from worker.api.credentials import CredentialRejectedError
from worker.api.token_exchange import TokenUnavailableError
from worker.store import keys
from worker.store.connect import async_client, sync_client

KEY = keys.exchange("api.test", ORG)


@pytest.fixture(scope="module")
def real() -> Iterator[RealServer]:
    with valkey9() as server:
        yield server


@pytest.fixture
def store(real: RealServer) -> Iterator[redis.Redis]:
    with sync_client(real.server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def shared(real: RealServer, store: redis.Redis) -> AsyncIterator[redis.asyncio.Redis]:
    async with async_client(real.server.url) as client:
        yield client


def grant(token: str = "given") -> web.Response:
    return web.json_response({"access_token": token, "expires_in": 1799})


def refusal() -> web.Response:
    return web.json_response({"message": "invalid_grant"}, status=400)


@dataclass
class Slow:
    """An exchange whose answer is held back, and how many were under way at once."""

    answer: web.Response
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    now: int = 0
    most: int = 0

    async def __call__(self) -> web.Response:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go_on.wait()
        self.now -= 1
        return web.Response(status=self.answer.status, body=self.answer.body)


@asynccontextmanager
async def processes(
    count: int, api_url: str, redis_url: str
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Real processes that each want a token once they are told to."""
    command = (sys.executable, "-m", "tests.api.exchanger", api_url, redis_url)
    pipe = asyncio.subprocess.PIPE
    started = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(count)]
    try:
        for process in started:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def go(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")


async def result(process: asyncio.subprocess.Process) -> str:
    """What came of it: the last line but for the log's."""
    assert process.stdout is not None
    lines = (await process.stdout.read()).decode().splitlines()
    return next(line for line in reversed(lines) if line.split()[0] in {"given", "rejected", "unavailable"})


async def test_processes_exchange_one_after_the_other(real: RealServer, store: redis.Redis) -> None:
    slow = Slow(grant())
    async with recording(slow) as api, processes(3, api.url, real.server.url) as three:
        for process in three:
            go(process)
        await until(lambda: slow.asked == 1)
        slow.go_on.set()
        assert await asyncio.gather(*map(result, three)) == ["given given"] * 3
    assert (slow.asked, slow.most) == (3, 1)
    assert store.hget("bulk:totals", "x_granted") == b"3"
    assert store.hget("bulk:totals", "x_unshared") is None


async def test_processes_share_a_refusal(real: RealServer, store: redis.Redis) -> None:
    slow = Slow(refusal())
    async with recording(slow) as api, processes(3, api.url, real.server.url) as three:
        for process in three:
            go(process)
        await until(lambda: slow.asked == 1)
        slow.go_on.set()
        results = await asyncio.gather(*map(result, three))
    # Who did not wait for it yet when it came is let wait, and asks nobody.
    assert "rejected" in results
    assert set(results) <= {"rejected", "unavailable"}
    assert (slow.asked, slow.most) == (2, 1)


async def test_a_process_that_dies_with_the_turn_does_not_block_the_others(
    real: RealServer, store: redis.Redis
) -> None:
    slow = Slow(grant())
    async with recording(slow) as api, processes(2, api.url, real.server.url) as (dead, heir):
        go(dead)
        await until(lambda: slow.asked == 1)
        holder = store.hget(KEY, "holder")
        go(heir)
        dead.kill()
        await until(lambda: slow.asked == 2)
        assert store.hget(KEY, "holder") not in {None, holder}
        slow.go_on.set()
        assert await result(heir) == "given given"


async def test_a_request_after_a_refusal_makes_no_exchange(
    shared: redis.asyncio.Redis, store: redis.Redis
) -> None:
    async with recording(refusal()) as api:
        for _ in range(5):
            # As processes that were started anew, and jobs that were resumed: all of them within the pause.
            if store.exists(KEY):
                store.hincrby(KEY, "until_us", 60_000_000)
            async with parts(api.url, time.monotonic, shared_lock(shared)) as mine:
                with pytest.raises((CredentialRejectedError, TokenUnavailableError)):
                    await mine.tokens.get(ORG)
        assert len(api.seen) == 2


async def test_of_a_longer_pause_a_person_is_told(shared: redis.asyncio.Redis, store: redis.Redis) -> None:
    async with recording(refusal()) as api:
        async with parts(api.url, time.monotonic, shared_lock(shared)) as mine:
            with pytest.raises(CredentialRejectedError, match=r"HTTP 400, invalid_grant.*then resume"):
                await mine.tokens.get(ORG)
        seconds, _ = store.time()
        store.hset(KEY, "until_us", (seconds + 100) * 1_000_000)
        async with parts(api.url, time.monotonic, shared_lock(shared)) as mine:
            with pytest.raises(CredentialRejectedError, match=r"not asked about again before \d\d:\d\d:\d\d"):
                await mine.tokens.get(ORG)
        assert len(api.seen) == 2


async def test_a_mended_credential_is_tried_at_once_by_whoever(shared: redis.asyncio.Redis) -> None:
    async with recording(refusal(), refusal(), grant()) as api:
        async with parts(api.url, time.monotonic, shared_lock(shared)) as mine:
            with pytest.raises(CredentialRejectedError):
                await mine.tokens.get(ORG)
        mended = SecretStr("another-api-token-of-an-owner")
        async with parts(api.url, time.monotonic, shared_lock(shared), api_token=mended) as mine:
            assert await mine.tokens.get(ORG) == "given"


async def test_the_pause_that_the_api_asks_for_holds_for_all(shared: redis.asyncio.Redis) -> None:
    busy = web.Response(status=429, headers={"Retry-After": "60"})
    async with recording(busy, grant()) as api:
        for _ in range(3):
            async with parts(api.url, time.monotonic, shared_lock(shared)) as mine:
                with pytest.raises(TokenUnavailableError, match="HTTP 429; asked again at"):
                    await mine.tokens.get(ORG)
        assert len(api.seen) == 1


async def test_neither_secret_is_in_redis(shared: redis.asyncio.Redis, store: redis.Redis) -> None:
    echo = web.json_response({"message": f"no: {SECRET}"}, status=400)
    async with recording(echo) as api, parts(api.url, time.monotonic, shared_lock(shared)) as mine:
        with pytest.raises(CredentialRejectedError):
            await mine.tokens.get(ORG)
    assert SECRET not in str(store.hgetall(KEY))
    assert len(str(store.hget(KEY, "tag"))) == len("b'ffff'")


async def test_without_redis_exchanges_go_on_and_are_counted_later(
    real: RealServer, shared: redis.asyncio.Redis, store: redis.Redis
) -> None:
    away = web.Response(status=503)
    lock = shared_lock(shared)
    async with recording(away, grant("first"), grant("second")) as api:
        real.kill()
        try:
            with structlog.testing.capture_logs() as lines:
                async with parts(api.url, time.monotonic, lock) as mine:
                    with pytest.raises(TokenUnavailableError):
                        await mine.tokens.get(ORG)
                    # The pause after a failure is kept to, at least by this process.
                    with pytest.raises(TokenUnavailableError):
                        await mine.tokens.get(ORG)
                    assert len(api.seen) == 1
        finally:
            real.start()
        assert [line["event"] for line in lines].count("token exchange without a turn: Redis is away") == 1
        async with parts(api.url, time.monotonic, lock) as mine:
            assert await mine.tokens.get(ORG) == "first"
    assert store.hget("bulk:totals", "x_unshared") == b"1"


async def test_foreign_data_in_its_keys_stops_no_exchange(
    shared: redis.asyncio.Redis, store: redis.Redis
) -> None:
    store.set(KEY, "no hash")
    async with recording(grant()) as api, parts(api.url, time.monotonic, shared_lock(shared)) as mine:
        assert await mine.tokens.get(ORG) == "given"
