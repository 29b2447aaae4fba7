"""One suite over every store: fakeredis for speed, and each real server that the product knows."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import fakeredis
import pytest
import redis
import redis.asyncio

from tests.servers import SERVERS
from tests.store.job_setup import SCOPE
from worker.store.claims import ClaimStore
from worker.store.connect import async_client, sync_client
from worker.store.jobs import JobStore

FAKE = "fakeredis"


@dataclass(frozen=True)
class Backend:
    """One server, reached by both kinds of client."""

    name: str
    url: str
    fake: fakeredis.FakeServer | None

    def sync(self) -> redis.Redis:
        return sync_client(self.url) if self.fake is None else fakeredis.FakeRedis(server=self.fake)

    def asynchronous(self) -> redis.asyncio.Redis:
        if self.fake is None:
            return async_client(self.url)
        return fakeredis.FakeAsyncRedis(server=self.fake)


@pytest.fixture(scope="session", params=[FAKE, *SERVERS])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    name = request.param
    if name == FAKE:
        yield Backend(name, "", fakeredis.FakeServer(version=(7,)))
        return
    with SERVERS[name]() as real:
        yield Backend(name, real.server.url, None)


@pytest.fixture
def client(backend: Backend) -> Iterator[redis.Redis]:
    with backend.sync() as client:
        client.flushall()
        yield client


@pytest.fixture
def jobs(client: redis.Redis) -> JobStore:
    return JobStore(client)


@pytest.fixture
async def claims(backend: Backend, client: redis.Redis) -> AsyncIterator[ClaimStore]:
    own = backend.asynchronous()
    yield ClaimStore(own, SCOPE)
    await own.aclose()
