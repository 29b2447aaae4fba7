"""A client over a real server, and what it warned of."""

from collections.abc import Iterator

import pytest

from producers import Client
from tests.servers import RealServer


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def client(valkey: RealServer, warnings: list[str]) -> Iterator[Client]:
    with Client(redis_url=valkey.server.url, on_warning=warnings.append) as made:
        yield made
