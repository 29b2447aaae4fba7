"""What the lines of a list turn out to be. Blank and header lines are no rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from worker.core.ids import malformed

_MAX_SPAN: Final = 2000
"""Rows gathered into one stretch."""


class Wellformed(NamedTuple):
    line: int
    """1-based physical line; of a CSV record that spans several, the first."""
    id: str


class IdSpan(NamedTuple):
    """Well-formed rows that follow each other, passed on together: a Python call for each would take longer
    than all else that is done with them.
    """

    lines: Sequence[int]
    """The line of each, ascending."""
    ids: Sequence[str]


class Malformed(NamedTuple):
    line: int
    why: str
    """Says what is wrong without quoting the line, which may hold a secret."""


class Duplicate(NamedTuple):
    line: int
    id: str
    first_line: int


Row = Wellformed | Malformed
Parsed = IdSpan | Malformed
Piece = IdSpan | Malformed | Duplicate

_BLANK = " \t\r\n\ufeff"
"""A byte order mark counts as blank: files joined by `cat` hold one at the head of each."""


def trimmed(text: str) -> str:
    return text.strip(_BLANK)


def checked(line: int, text: str) -> Row:
    """The row for a trimmed `text` that is meant as an id."""
    why = malformed(text)
    return Wellformed(line, text) if why is None else Malformed(line, why)


def grouped(rows: Iterable[Row]) -> Iterator[Parsed]:
    lines: list[int] = []
    ids: list[str] = []
    for row in rows:
        if isinstance(row, Wellformed):
            lines.append(row.line)
            ids.append(row.id)
            if len(ids) < _MAX_SPAN:
                continue
        if ids:
            yield IdSpan(lines, ids)
            lines, ids = [], []
        if isinstance(row, Malformed):
            yield row
    if ids:
        yield IdSpan(lines, ids)
