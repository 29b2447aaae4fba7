"""Fixtures for tests of the whole product: real processes, a real Redis, a real HTTP server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Simulator, Stack, simulator
from tests.servers import valkey9


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A Redis; the test starts workers and simulators."""
    with valkey9() as real, Stack(tmp_path, real.server.url) as running:
        yield running


@pytest.fixture
def api() -> Iterator[Simulator]:
    """An API that refuses a few ids and has some active beforehand."""
    with simulator("--fail", "0.05", "--active", "0.05") as running:
        yield running
