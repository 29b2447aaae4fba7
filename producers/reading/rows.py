"""What the lines of a list turn out to be. Blank and header lines are no rows."""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import NamedTuple

from worker.core.ids import malformed


class Wellformed(NamedTuple):
    line: int
    """1-based physical line; of a CSV record that spans several, the first."""
    id: str


class Malformed(NamedTuple):
    line: int
    why: str
    """Says what is wrong without quoting the line, which may hold a secret."""


class Duplicate(NamedTuple):
    line: int
    id: str
    first_line: int


Parsed = Wellformed | Malformed
Row = Wellformed | Malformed | Duplicate

_BLANK = " \t\r\n\ufeff"
"""A byte order mark counts as blank: files joined by `cat` hold one at the head of each."""


def trimmed(text: str) -> str:
    return text.strip(_BLANK)


def checked(line: int, text: str) -> Parsed:
    """The row for a trimmed `text` that is meant as an id."""
    why = malformed(text)
    return Wellformed(line, text) if why is None else Malformed(line, why)


def wellformed(lines: Iterable[int], ids: Iterable[str]) -> Iterator[Wellformed]:
    """Rows for ids known to be good; made without a Python call per row, which halves the time."""
    return map(tuple.__new__, repeat(Wellformed), zip(lines, ids, strict=False))
