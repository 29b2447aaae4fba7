"""How the cells of a CSV are parted: by an option, Excel's `sep=` line or our own header, else by commas."""

import csv
from collections.abc import Sequence
from typing import Final

from producers.reading.blocks import Block
from producers.reading.rows import trimmed
from producers.reading.source import Source

OURS: Final = frozenset({"line", "id", "outcome"})
"""Headers that only our own results have together, whatever stands beside them."""
_SEPARATORS: Final = ",;\t|"
_MAX_LINES: Final = 10
"""Lines."""


def is_our_header(cells: Sequence[str]) -> bool:
    return set(cells) >= OURS


def is_directive(cells: Sequence[str]) -> bool:
    """Whether a record is the line `sep=;`, by which Excel is told the separator. It is no row."""
    text = cells[0].strip()
    return text[:4].lower() == "sep=" and (
        (len(cells) == 1 and text[4:] in _SEPARATORS) or (len(cells) == 2 and text[4:] == cells[1] == "")  # noqa: PLR2004
    )


def own_separator(source: Source) -> str | None:
    """What parts the cells of our own results, perhaps saved again by a spreadsheet; None in any other file.

    The header is known by its names alone, with a byte order mark, CRLF or a `sep=` line before it too.
    """
    for line in _head(source):
        for separator in _SEPARATORS:
            if is_our_header(_cells(line, separator)):
                return separator
        if not is_directive([line]):
            return None
    return None


def separator_of(source: Source) -> str:
    """Where no option says it."""
    first = next(iter(_head(source)), "")
    if is_directive([first]) and len(first) > len("sep="):
        return first[len("sep=")]
    return own_separator(source) or ","


def _head(source: Source) -> list[str]:
    """The first lines that are not blank."""
    first = next(source.lines(), None)
    if not isinstance(first, Block):
        return []
    lines = first.data[: 64 * 1024].decode(errors="replace").split("\n", _MAX_LINES)[:_MAX_LINES]
    return [text for line in lines if (text := trimmed(line))]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [trimmed(cell) for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []
