"""The whole product as its users start it: real processes, a real Redis, a real HTTP server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Simulator, Stack, simulator
from tests.servers import valkey9


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Redis for a team; workers and simulators are started by the test."""
    with valkey9() as real, Stack(tmp_path, real.server.url) as running:
        yield running


@pytest.fixture
def api() -> Iterator[Simulator]:
    """An API that refuses a few ids and has some active beforehand."""
    with simulator("--fail", "0.05", "--active", "0.05") as running:
        yield running
