import gzip
import tracemalloc
from collections import deque
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import pytest

from producers.reading import InputOptions, Source
from tests.producers.reading.rows import read_rows

MIB = 1024 * 1024
ONE_LINE = [b"x" * MIB]
ONE_WORD_PER_LINE = [(b"%0200d\n" % n) * (MIB // 8 // 201) for n in range(8)]
BLANK_LINES = [(b" " * 200 + b"\n") * (MIB // 201)]
NEVER_CLOSED = [b'id\n"' + b"x\n" * 10, b"y" * 50_000 + b"\n" + b"z" * (MIB - 50_000)]
MANY_CELLS = [b"id\n", (b'"' + b"a" * 500 + b'\n",') * (MIB // 504)]


def packed(path: Path, pieces: Iterable[bytes], times: int) -> Path:
    """A file of about `times` MiB of text, though it takes little room."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for part in repeat(list(pieces), times):
            file.writelines(part)
    return path


def peak(path: Path, options: InputOptions) -> int:
    """Bytes of memory at most in use while the list is read twice."""
    tracemalloc.start()
    try:
        with Source.open(str(path)) as source:
            deque(read_rows(source, options), maxlen=0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("pieces", "options"),
    [
        pytest.param(ONE_LINE, InputOptions(), id="one line"),
        pytest.param(ONE_LINE, InputOptions(format="ndjson"), id="one line of NDJSON"),
        pytest.param(ONE_WORD_PER_LINE, InputOptions(), id="many lines"),
        pytest.param(ONE_WORD_PER_LINE, InputOptions(format="csv", column="1"), id="many records"),
        pytest.param(BLANK_LINES, InputOptions(), id="blank lines"),
        pytest.param(NEVER_CLOSED, InputOptions(format="csv", column="1"), id="open quote"),
        pytest.param(MANY_CELLS, InputOptions(format="csv"), id="a record without end"),
    ],
)
def test_memory_does_not_grow_with_the_text(
    tmp_path: Path, pieces: list[bytes], options: InputOptions
) -> None:
    small = peak(packed(tmp_path / "small.gz", pieces, 4), options)
    large = peak(packed(tmp_path / "large.gz", pieces, 12), options)
    assert large < 1.25 * small
    assert large < 16 * MIB
