"""Ids in a column of a table: of a CSV, of a sheet."""

from collections.abc import Iterable, Iterator

from producers.reading.columns import Layout, UnreadableError, layout
from producers.reading.csvrecords import NoText, Record
from producers.reading.dialect import is_directive, is_our_header
from producers.reading.rows import Malformed, Row, checked, trimmed
from worker.core.formulas import unguarded


def table_rows(records: Iterable[Record], name: str, column: str | None) -> Iterator[Row]:
    """The rows of the table called `name`; `column` names or numbers the one with the ids.

    A record equal to the header is none: files joined by `cat` hold one each, and of our own results each may
    have its own columns. Raises UnreadableError if the column is not there, or if the first record is broken:
    it might be the header.
    """
    where: Layout | None = None
    for line, cells in records:
        if where is None:
            if isinstance(cells, str):
                raise UnreadableError(f"{name}: line {line}, the first of the CSV: {cells}; mend it")
            if _is_blank(cells) or is_directive(cells):
                continue
            where = layout([trimmed(cell) for cell in cells], column, name)
            if where.has_header:
                continue
        if isinstance(cells, str):
            yield Malformed(line, cells)
        elif where.is_ours and "id" in cells and is_our_header(header := [trimmed(cell) for cell in cells]):
            where = layout(header, column, name)
        elif (row := _row(line, cells, where)) is not None:
            yield row


def _row(line: int, cells: list[str], where: Layout) -> Row | None:
    """The row for a record; None for a blank one, and for a header or directive of a file joined to this."""
    cell = cells[where.index] if len(cells) > where.index else ""
    text = trimmed(cell)
    if is_directive(cells) or (not text and _is_blank(cells)):
        return None
    if len(cells) <= where.index:
        return Malformed(line, f"{len(cells)} cells, the id is expected in cell {where.index + 1}")
    if where.has_header and text == where.header[where.index] and _is_header(cells, where):
        return None
    if where.width is not None and len(cells) > where.width and not _is_blank(cells[where.width :]):
        return Malformed(line, f"{len(cells)} cells, at most {where.width} expected; is a quote missing?")
    if isinstance(cell, NoText):
        return Malformed(line, cell.why)
    return checked(line, unguarded(text) if where.is_ours else text)


def _is_header(cells: list[str], where: Layout) -> bool:
    return tuple(map(trimmed, cells)) == where.header


def _is_blank(cells: list[str]) -> bool:
    return not any(map(trimmed, cells))
