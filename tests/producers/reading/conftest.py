import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from producers.reading import InputOptions, Source
from tests.producers.reading.rows import Row, read_rows


@pytest.fixture
def read() -> Callable[..., list[Row]]:
    """Reads bytes as if from standard input."""

    def reading(data: bytes, **options: object) -> list[Row]:
        with Source.open("-", io.BytesIO(data)) as source:
            return list(read_rows(source, InputOptions(**options)))  # type: ignore[arg-type]

    return reading


@pytest.fixture
def read_file(tmp_path: Path) -> Callable[..., list[Row]]:
    """Reads bytes from a file of the given name, compressed if that ends in .gz."""

    def reading(name: str, data: bytes, **options: object) -> list[Row]:
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        with Source.open(str(path)) as source:
            return list(read_rows(source, InputOptions(**options)))  # type: ignore[arg-type]

    return reading
