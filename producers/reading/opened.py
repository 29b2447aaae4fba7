"""Opens whatever a caller hands over as a list."""

import io
import os
import sys
from collections.abc import Iterable
from typing import IO, cast

from producers.reading.source import STDIN, Source
from worker.core.errors import BadInputError

ListSource = str | os.PathLike[str] | IO[bytes] | Iterable[str]
"""A path, an open binary file, or any iterable of ids."""


def opened(source: ListSource | Source) -> Source:
    """The list `source`, read once from end to end. Whoever opened a file closes it.

    Raises `BadInputError` if it cannot be read.
    """
    match source:
        case Source():
            return source
        case str() | os.PathLike():
            path = os.fspath(source)
            # The standard input is opened by name in commands alone.
            return Source.open(path if path != STDIN else os.path.join(os.curdir, STDIN))  # noqa: PTH118
        case io.TextIOBase():
            raise BadInputError("the list is a file opened as text: open it in mode 'rb', or name its path")
    if source is getattr(sys.stdin, "buffer", None):
        return Source.open(STDIN)
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return Source.of_stream(
            cast("IO[bytes]", source), name if isinstance(name, str) else "the file given"
        )
    return Source.of_ids(source)
