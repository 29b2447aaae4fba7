"""Rows as text, many at a time: CSV, and NDJSON."""

import string
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

from worker.core.errors import BulkActivateError
from worker.core.reporting.rows import COLUMNS, Row, RowSpan
from worker.core.reporting.skipped import SkippedLine
from worker.reports.row_formats import CSV, NDJSON, RowFormat, cell

_PLAIN: Final = (string.ascii_letters + string.digits + "-_.").encode()

_ROWS_PER_WRITE: Final = 2000
"""Rows per write, at least."""

MALFORMED_COLUMNS: Final = ("line", "why")

Write = Callable[[bytes], object]


class Piece(NamedTuple):
    """A part of a file of results."""

    data: bytes
    rows: int
    """The rows that end in it."""


def csv_pieces(spans: Iterable[RowSpan], *, bom: bool = False) -> Iterator[Piece]:
    """Yields a header and the rows as CSV. `bom` lets Excel recognize UTF-8."""
    if bom:
        yield Piece(BOM_UTF8, 0)
    yield Piece((",".join(COLUMNS) + "\n").encode(), 0)
    yield from _text_pieces(spans, CSV)


def ndjson_pieces(spans: Iterable[RowSpan]) -> Iterator[Piece]:
    """Yields the rows as NDJSON."""
    return _text_pieces(spans, NDJSON)


def write_csv(spans: Iterable[RowSpan], write: Write, *, bom: bool = False) -> int:
    """Writes what `csv_pieces` yields. Returns the number of rows."""
    return write_pieces(csv_pieces(spans, bom=bom), write)


def write_malformed(skipped: Iterable[SkippedLine], write: Write) -> None:
    """Writes a header, and the number of each malformed line with the reason."""
    write((",".join(MALFORMED_COLUMNS) + "\n").encode())
    for row in skipped:
        if row.first_line is None:
            write(f"{row.line},{cell(row.why)}\n".encode())


def write_pieces(pieces: Iterable[Piece], write: Write) -> int:
    """Writes the bytes of `pieces`. Returns the number of rows."""
    count = 0
    for piece in pieces:
        write(piece.data)
        count += piece.rows
    return count


def _text_pieces(spans: Iterable[RowSpan], row_format: RowFormat) -> Iterator[Piece]:
    for lines, ids, rests in _chunks(spans, row_format.rest):
        texts_of = row_format.plain if _are_plain(ids) else row_format.quoted
        rows = texts_of(zip(lines, ids, rests, strict=True))
        yield Piece("".join(rows).encode(), len(rows))


def _chunks(
    spans: Iterable[RowSpan], rest_of: Callable[[Row], str]
) -> Iterator[tuple[list[int], list[str | None], list[str]]]:
    """Yields lines, ids and rests of the rows, `_ROWS_PER_WRITE` or more at a time.

    If part of the record is lost, all other rows come before the error that says so.
    """
    failure: BulkActivateError | None = None
    lines: list[int] = []
    ids: list[str | None] = []
    rests: list[str] = []
    try:
        for span in spans:
            lines += span.lines
            ids += span.ids
            rests += [rest_of(span.like)] * len(span.lines)
            if len(lines) >= _ROWS_PER_WRITE:
                yield lines, ids, rests
                lines, ids, rests = [], [], []
    except BulkActivateError as error:
        failure = error
    if lines:
        yield lines, ids, rests
    if failure is not None:
        raise failure


def _are_plain(ids: Sequence[str | None]) -> bool:
    """Whether all ids consist of letters, digits, `-_.`, none beginning with a hyphen: safe as CSV cells."""
    if None in ids:
        return False
    texts = cast("Sequence[str]", ids)
    # If the smallest does not begin with a hyphen, none does.
    return min(texts) >= "0" and not "".join(texts).encode().translate(None, _PLAIN)
