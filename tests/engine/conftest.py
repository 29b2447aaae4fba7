from collections.abc import Iterator

import pytest

from tests.engine.jobs import Jobs
from tests.servers import RealServer, valkey9


@pytest.fixture(scope="module")
def real() -> Iterator[RealServer]:
    """Valkey, which a test may stop, kill or fill as long as it answers again in the end.

    What it answered is on disk: with `everysec` a kill on a slow disk can lose the last second.
    """
    with valkey9(appendfsync="always") as server:
        yield server


@pytest.fixture
def redis_url(real: RealServer) -> str:
    return real.server.url


@pytest.fixture
def jobs(redis_url: str) -> Iterator[Jobs]:
    """An empty store: workers of one test must find no job of another."""
    made = Jobs(redis_url)
    with made.client:
        made.client.flushall()
        yield made
