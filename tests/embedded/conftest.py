import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.embedded.binary import find_server


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a server's data; its path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="emb-", dir="/tmp") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def binary() -> Path:
    return find_server()
