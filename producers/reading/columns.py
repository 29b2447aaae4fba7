"""Finds the column with the ids of a table, by its first record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from producers.reading.dialect import is_our_header
from worker.core.errors import BadInputError
from worker.core.ids import looks_like_token_value

_ID_COLUMN: Final = "id"
_HEADERS: Final = frozenset({"id", "ids", "tokenid", "tokenids", "apitokenid", "apitokenids"})
"""Usual headings of a column of ids, in lower case without spaces, dashes and underscores."""
_MAX_SHOWN_LENGTH: Final = 32
"""Characters of a column name shown in a message. Longer cells are likely ids or secrets, not names."""
_MAX_SHOWN: Final = 20
"""Columns listed in a message."""


@dataclass(frozen=True)
class Layout:
    """Where a table has its ids."""

    index: int
    """Index of the cell with the id, from 0."""
    has_header: bool
    """Whether the first record is a header."""
    is_ours: bool
    """Whether we wrote the file: then a leading `'` protects cells from being read as formulas."""
    header: tuple[str, ...]
    """The first record."""
    width: int | None
    """Cells in the first record, if more in another record mean shifted cells; None allows any number."""


class UnreadableError(BadInputError):
    """The ids of a table cannot be found: perhaps the file has another format than it is read as."""


def layout(cells: Sequence[str], column: str | None, name: str) -> Layout:
    """Determines the layout of the table called `name`, whose first record is `cells` (trimmed).

    `column` is the name of a column, in any letter case, or its number from 1. Given a number, or a single
    column without `column`, the first record is a row unless it is a usual heading such as `id` or
    `token_id`. Raises `UnreadableError` if the column is missing or ambiguous.
    """
    ours, header = is_our_header(cells), tuple(cells)
    if column is None and len(cells) == 1:
        if ";" in cells[0] or "\t" in cells[0]:
            raise UnreadableError(
                f"{name}: expected cells parted by commas, found semicolons or tabs in the first row"
            )
        if cells[0].startswith("#TYPE "):
            raise UnreadableError(
                f"{name}: expected the names of columns in the first row, found {cells[0][:5]}"
            )
        return Layout(0, has_header=is_heading(cells[0]), is_ours=False, header=header, width=1)
    index = _named(cells, _ID_COLUMN if column is None else column, name)
    if index is not None:
        return Layout(index, has_header=True, is_ours=ours, header=header, width=len(cells))
    if column is None:
        raise UnreadableError(f"{name}: no column id; --column takes a name or a number; {_describe(cells)}")
    if not (column.isascii() and column.isdecimal()):
        raise UnreadableError(f"{name}: no column {column} (--column); {_describe(cells)}")
    index = int(column) - 1 if len(column) < 6 else len(cells)  # noqa: PLR2004  No CSV is that wide.
    if not 0 <= index < len(cells):
        raise UnreadableError(f"{name}: no column number {column} (--column); {_describe(cells)}")
    headed = ours or is_heading(cells[index])
    return Layout(index, has_header=headed, is_ours=ours, header=header, width=None)


def _named(cells: Sequence[str], wanted: str, name: str) -> int | None:
    exact = [index for index, cell in enumerate(cells) if cell == wanted]
    close = exact or [index for index, cell in enumerate(cells) if cell.lower() == wanted.lower()]
    if len(close) > 1:
        numbers = ", ".join(str(index + 1) for index in close)
        raise UnreadableError(
            f"{name}: columns {numbers} are all called {wanted}; --column takes a number too"
        )
    return close[0] if close else None


def is_heading(cell: str) -> bool:
    """Whether `cell` is a usual heading of a column of ids."""
    return "".join(cell.lower().split()).replace("_", "").replace("-", "") in _HEADERS


def _describe(cells: Sequence[str]) -> str:
    """Lists the columns for a message, without anything that may be an id or a secret."""
    names = ", ".join(_shown(number, cell) for number, cell in enumerate(cells[:_MAX_SHOWN], 1))
    columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
    return f"found {columns}: {names}{', ...' if len(cells) > _MAX_SHOWN else ''}"


def _shown(number: int, cell: str) -> str:
    if len(cell) > _MAX_SHOWN_LENGTH or looks_like_token_value(cell) or not cell.isprintable() or not cell:
        return f"(number {number})"
    return cell
