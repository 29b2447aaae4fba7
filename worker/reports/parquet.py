"""Writes results as Parquet, to load into a table or a data frame.

Needs the extra `parquet`, which is imported only here. Texts are exact, as in NDJSON.
"""

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.core.errors import BadInputError
from worker.core.reporting.rows import COLUMNS, Row, RowSpan, rows_of
from worker.reports.row_text import Piece, Write, write_pieces

if TYPE_CHECKING:
    from types import ModuleType

ROW_GROUP: Final = 20_000
"""Rows per row group. So many are in memory at once, about 30 MB with their conversion."""


class _Arrow(NamedTuple):
    core: "ModuleType"
    parquet: "ModuleType"


def require_parquet() -> _Arrow:
    """The modules of pyarrow. Raises `BadInputError` if it is not installed."""
    try:
        return _Arrow(import_module("pyarrow"), import_module("pyarrow.parquet"))
    except ImportError:
        raise BadInputError(
            "Parquet needs an extra that is not installed:"
            " pip install 'bulk-activation-worker[parquet]', or take -o ndjson"
        ) from None


def parquet_pieces(spans: Iterable[RowSpan]) -> Iterator[Piece]:
    """Yields the rows, one row group at a time.

    The same rows and version of pyarrow give the same bytes. Raises `BadInputError` if it is not installed.
    """
    arrow = require_parquet()
    schema = _schema(arrow.core)
    source = rows_of(spans)
    written: list[bytes] = []

    def piece(rows: int) -> Piece:
        data = b"".join(written)
        written.clear()
        return Piece(data, rows)

    with arrow.parquet.ParquetWriter(_Sink(written.append), schema, compression="zstd") as writer:
        while group := list(islice(source, ROW_GROUP)):
            writer.write_table(arrow.core.table(_columns(group), schema=schema))
            yield piece(len(group))
    yield piece(0)


def write_parquet(spans: Iterable[RowSpan], write: Write) -> int:
    """Writes what `parquet_pieces` yields. Returns the number of rows."""
    return write_pieces(parquet_pieces(spans), write)


def _schema(core: "ModuleType") -> object:
    text, kinds = core.string(), core.dictionary(core.int32(), core.string())
    types = (
        core.int64(),
        text,
        kinds,
        kinds,
        text,
        core.int16(),
        core.int32(),
        core.timestamp("ms", tz="UTC"),
    )
    return core.schema(list(zip(COLUMNS, types, strict=True)))


def _columns(rows: list[Row]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    columns["outcome"] = [str(row.outcome) for row in rows]
    columns["finished_at"] = [row.finished_at and datetime.fromisoformat(row.finished_at) for row in rows]
    return columns


class _Sink(io.RawIOBase):
    """Adapts a function that takes bytes to the file that pyarrow expects."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: bytes) -> int:  # type: ignore[override] # pyarrow passes bytes.
        self._write(bytes(data))
        self._position += len(data)
        return len(data)
