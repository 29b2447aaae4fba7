"""The rows of a list: ids, malformed lines and duplicates. Blank and header lines are no rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from worker.core.ids import malformed

_MAX_SPAN: Final = 2000
"""Rows in an `IdSpan`, at most."""


class Wellformed(NamedTuple):
    """A row with an id."""

    line: int
    """Physical line, from 1; the first one of a CSV record that spans several."""
    id: str


class IdSpan(NamedTuple):
    """Consecutive well-formed rows. Handled together, since a Python call for each row would take longer than
    everything else that is done with it.
    """

    lines: Sequence[int]
    """Line numbers, ascending."""
    ids: Sequence[str]


class Malformed(NamedTuple):
    """A row without a usable id."""

    line: int
    why: str
    """What is wrong, without quoting the line, which may hold a secret."""


class Duplicate(NamedTuple):
    """A row whose id stands on an earlier line too."""

    line: int
    id: str
    first_line: int


Row = Wellformed | Malformed
Parsed = IdSpan | Malformed
Piece = IdSpan | Malformed | Duplicate

_BLANK = " \t\r\n\ufeff"
"""Includes the byte order mark: files joined by `cat` have one at the start of each."""


def trimmed(text: str) -> str:
    """`text` without white space and byte order marks around it."""
    return text.strip(_BLANK)


def checked(line: int, text: str) -> Row:
    """The row for `text`, trimmed and meant as an id: `Malformed` if it cannot be one."""
    why = malformed(text)
    return Wellformed(line, text) if why is None else Malformed(line, why)


def grouped(rows: Iterable[Row]) -> Iterator[Parsed]:
    """Groups consecutive well-formed rows into spans of at most `_MAX_SPAN`."""
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
