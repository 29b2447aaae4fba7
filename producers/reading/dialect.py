"""Finds the separator of a CSV: from Excel's `sep=` line or our own header, otherwise a comma."""

import csv
from collections.abc import Sequence
from typing import Final

from producers.reading.blocks import Block
from producers.reading.rows import trimmed
from producers.reading.source import Source

OURS: Final = frozenset({"line", "id", "outcome"})
"""Columns that only our own results have together, whatever other columns there are."""
_SEPARATORS: Final = ",;\t|"
_MAX_LINES: Final = 10
"""Lines at the start of the file that are searched for our own header."""


def is_our_header(cells: Sequence[str]) -> bool:
    """Whether `cells` are the header of our own results."""
    return set(cells) >= OURS


def is_directive(cells: Sequence[str]) -> bool:
    """Whether a record is a line such as `sep=;`, which sets the separator for Excel. It is no row."""
    text = cells[0].strip()
    return text[:4].lower() == "sep=" and (
        (len(cells) == 1 and text[4:] in _SEPARATORS) or (len(cells) == 2 and text[4:] == cells[1] == "")  # noqa: PLR2004
    )


def own_separator(source: Source) -> str | None:
    """The separator of our own results, perhaps saved again by a spreadsheet; None for any other file.

    The header is recognized by its column names, also behind a byte order mark or a `sep=` line.
    """
    for line in _head(source):
        for separator in _SEPARATORS:
            if is_our_header(_cells(line, separator)):
                return separator
        if not is_directive([line]):
            return None
    return None


def separator_of(source: Source) -> str:
    """The separator of a file, if no option sets it."""
    first = next(iter(_head(source)), "")
    if is_directive([first]) and len(first) > len("sep="):
        return first[len("sep=")]
    return own_separator(source) or ","


def _head(source: Source) -> list[str]:
    """The first lines of the file that are not blank."""
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
