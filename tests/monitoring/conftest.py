from collections.abc import Iterator

import pytest

from tests.e2e.stack import Simulator, Stack, simulator
from tests.servers import valkey9


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Redis; the test starts workers."""
    with valkey9() as real, Stack(tmp_path_factory.mktemp("stack"), real.server.url) as running:
        yield running


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    """An API that refuses a few ids and has some active beforehand."""
    with simulator("--fail", "0.05", "--active", "0.05") as running:
        yield running
