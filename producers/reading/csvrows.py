"""Reads the ids from one column of a table, a CSV or a sheet."""

from collections.abc import Iterable, Iterator

from producers.reading.columns import Layout, UnreadableError, layout
from producers.reading.csvrecords import NonTextCell, Record
from producers.reading.dialect import is_directive, is_our_header
from producers.reading.rows import Malformed, Row, checked, trimmed
from worker.core.reporting.formulas import unguarded


def table_rows(records: Iterable[Record], name: str, column: str | None) -> Iterator[Row]:
    """Yields the rows of the table called `name`; `column` is the name or number of the column of ids.

    Repeated headers are skipped: files joined by `cat` have one each, and each of our own results may have
    other columns. Raises `UnreadableError` if the column is missing, or if the first record is broken, since
    it might be the header.
    """
    table: Layout | None = None
    for line, cells in records:
        if table is None:
            if isinstance(cells, str):
                raise UnreadableError(f"{name}: line {line}, the first of the CSV: {cells}; mend it")
            if _is_blank(cells) or is_directive(cells):
                continue
            table = layout([trimmed(cell) for cell in cells], column, name)
            if table.has_header:
                continue
        if isinstance(cells, str):
            yield Malformed(line, cells)
        elif table.is_ours and "id" in cells and is_our_header(header := [trimmed(cell) for cell in cells]):
            table = layout(header, column, name)
        elif (row := _row(line, cells, table)) is not None:
            yield row


def _row(line: int, cells: list[str], table: Layout) -> Row | None:
    """The row of a record; None for a blank record, a repeated header or a `sep=` line."""
    cell = cells[table.index] if len(cells) > table.index else ""
    text = trimmed(cell)
    if is_directive(cells) or (not text and _is_blank(cells)):
        return None
    if len(cells) <= table.index:
        return Malformed(line, f"{len(cells)} cells, the id is expected in cell {table.index + 1}")
    if table.has_header and text == table.header[table.index] and _is_header(cells, table):
        return None
    if table.width is not None and len(cells) > table.width and not _is_blank(cells[table.width :]):
        return Malformed(line, f"{len(cells)} cells, at most {table.width} expected; is a quote missing?")
    if isinstance(cell, NonTextCell):
        return Malformed(line, cell.why)
    return checked(line, unguarded(text) if table.is_ours else text)


def _is_header(cells: list[str], table: Layout) -> bool:
    return tuple(map(trimmed, cells)) == table.header


def _is_blank(cells: list[str]) -> bool:
    return not any(map(trimmed, cells))
