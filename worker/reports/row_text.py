"""Rows as text: CSV, and NDJSON."""

import re
import string
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

import msgspec

from worker.core.errors import BulkActivateError
from worker.core.reporting.formulas import guarded
from worker.core.reporting.rows import COLUMNS, Row, RowSpan
from worker.core.reporting.skipped import SkippedLine

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

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
    yield from _text_pieces(spans, _CSV)


def ndjson_pieces(spans: Iterable[RowSpan]) -> Iterator[Piece]:
    """Yields the rows as NDJSON."""
    return _text_pieces(spans, _NDJSON)


def write_csv(spans: Iterable[RowSpan], write: Write, *, bom: bool = False) -> int:
    """Writes what `csv_pieces` yields. Returns the number of rows."""
    return write_pieces(csv_pieces(spans, bom=bom), write)


def write_malformed(skipped: Iterable[SkippedLine], write: Write) -> None:
    """Writes a header, and the number of each malformed line with the reason."""
    write((",".join(MALFORMED_COLUMNS) + "\n").encode())
    for row in skipped:
        if row.first_line is None:
            write(f"{row.line},{_cell(row.why)}\n".encode())


def write_ndjson(spans: Iterable[RowSpan], write: Write) -> int:
    """Writes the rows as NDJSON. Returns their number."""
    return write_pieces(ndjson_pieces(spans), write)


def write_pieces(pieces: Iterable[Piece], write: Write) -> int:
    """Writes the bytes of `pieces`. Returns the number of rows."""
    count = 0
    for piece in pieces:
        write(piece.data)
        count += piece.rows
    return count


_Parts = Iterator[tuple[int, str | None, str]]
"""The line of each row, its id, and the text that follows the id."""


class _RowFormat(NamedTuple):
    """How rows become text, many at a time: a call for each row would cost more than its text."""

    rest: Callable[[Row], str]
    """Formats what follows the id, with the line end."""
    plain: Callable[[_Parts], list[str]]
    """Formats rows whose ids need no quoting, such as GUIDs."""
    quoted: Callable[[_Parts], list[str]]
    """Formats rows with any ids."""


def _text_pieces(spans: Iterable[RowSpan], row_format: _RowFormat) -> Iterator[Piece]:
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


def _cell(text: str | None) -> str:
    """A CSV cell, quoted as `csv.writer` does if needed, and guarded against being read as a formula."""
    if not text:
        return ""
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    text = guarded(text)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _csv_rest(row: Row) -> str:
    reason, message = _cell(row.reason), _cell(row.message)
    status = "" if row.http_status is None else row.http_status
    return f",{row.outcome},{reason},{message},{status},{row.attempts},{row.finished_at or ''}\n"


def _json(value: object) -> str:
    return _encode(value).decode()


def _json_rest(row: Row) -> str:
    # No id can contain this mark: its quotes would be escaped.
    _, mark, rest = _json(row).partition(',"outcome":')
    return f"{mark}{rest}\n"


_encode: Final = msgspec.json.Encoder().encode
_CSV: Final = _RowFormat(
    _csv_rest,
    lambda rows: [f"{line},{id_}{rest}" for line, id_, rest in rows],
    lambda rows: [f"{line},{_cell(id_)}{rest}" for line, id_, rest in rows],
)
_NDJSON: Final = _RowFormat(
    _json_rest,
    lambda rows: [f'{{"line":{line},"id":"{id_}"{rest}' for line, id_, rest in rows],
    lambda rows: [f'{{"line":{line},"id":{_json(id_)}{rest}' for line, id_, rest in rows],
)
