"""Ids in a column of a CSV."""

import re
from collections.abc import Iterable, Iterator

from producers.reading.blocks import Block, Overlong
from producers.reading.columns import Layout, layout
from producers.reading.csvrecords import csv_records
from producers.reading.rows import Malformed, Row, checked, trimmed
from worker.core.errors import BadInputError

_GUARDED = re.compile(r"'+[=+\-@]")


def csv_rows(blocks: Iterable[Block | Overlong], name: str, column: str | None) -> Iterator[Row]:
    """The rows of the CSV called `name`; `column` names or numbers the one with the ids.

    Raises BadInputError if it is not there, or if the first record is broken: it might be the header.
    """
    where: Layout | None = None
    for line, cells in csv_records(blocks):
        if where is None:
            if isinstance(cells, str):
                raise BadInputError(f"{name}: line {line}, the first of the CSV: {cells}; mend it")
            if _is_blank(cells):
                continue
            where = layout([trimmed(cell) for cell in cells], column, name)
            if where.has_header:
                continue
        if isinstance(cells, str):
            yield Malformed(line, cells)
        elif (row := _row(line, cells, where)) is not None:
            yield row


def _row(line: int, cells: list[str], where: Layout) -> Row | None:
    """The row for a record; None for a blank one."""
    text = trimmed(cells[where.index]) if len(cells) > where.index else ""
    if not text and _is_blank(cells):
        return None
    if len(cells) <= where.index:
        return Malformed(line, f"{len(cells)} cells, the id is expected in cell {where.index + 1}")
    if where.width is not None and len(cells) > where.width and not _is_blank(cells[where.width :]):
        return Malformed(line, f"{len(cells)} cells, at most {where.width} expected; is a quote missing?")
    if where.is_ours and _GUARDED.match(text):
        text = text[1:]
    return checked(line, text)


def _is_blank(cells: list[str]) -> bool:
    return not any(map(trimmed, cells))
