"""Reads a sheet of an Excel workbook (.xlsx) as cells of text. Needs the extra `excel`.

Cells are read as Excel stores them, not as it shows them: an id of digits is a number, a formula is its last
calculated value. Hidden and filtered rows count, as in a CSV written by Excel.

Weaknesses: a whole sheet is held in memory (some 70 MB for 300,000 rows of two cells). A cell whose formula
failed (`#N/A`) or was never calculated reads as empty.
"""

import datetime as dt
from collections.abc import Iterator
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final

from producers.reading.csvrecords import NonTextCell, Record
from worker.core.errors import BadInputError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta

_EXACT: Final = 10**15
"""Numbers from here on have lost digits: Excel keeps 15 and replaces the rest by 0."""


def read_sheet(file: IO[bytes], name: str, wanted: str | None) -> "CalamineSheet":
    """The sheet named or numbered (from 1) `wanted`; without it the first that is not hidden.

    Raises `BadInputError` if the extra is not installed, or the file is no workbook or lacks the sheet.
    """
    try:
        calamine = import_module("python_calamine")
    except ImportError:
        raise BadInputError(
            f"{name}: an Excel workbook needs an extra that is not installed:"
            " pip install 'bulk-activation-worker[excel]', or save the sheet as CSV UTF-8"
        ) from None
    file.seek(0)
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
        found = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        names = [sheet.name for sheet in found]
        visible = [sheet.name for sheet in found if sheet.visible == calamine.SheetVisibleEnum.Visible]
        chosen = _chosen(name, wanted, names, (visible or names)[:1])
        sheet: CalamineSheet = book.get_sheet_by_name(chosen)
    except (calamine.CalamineError, OSError) as error:
        raise BadInputError(
            f"{name}: no Excel workbook (.xlsx), or damaged, or locked with a password ({error});"
            " save it again, or as CSV UTF-8"
        ) from error
    return sheet


def _chosen(name: str, wanted: str | None, names: list[str], default: list[str]) -> str:
    if wanted is None and default:
        return default[0]
    if wanted in names:
        return str(wanted)
    if wanted is not None and wanted.isascii() and wanted.isdecimal() and len(wanted) < 6:  # noqa: PLR2004
        number = int(wanted)
        if 1 <= number <= len(names):
            return names[number - 1]
    raise BadInputError(f"{name}: no sheet {wanted or ''} (--sheet); found {', '.join(names) or 'none'}")


def sheet_records(sheet: "CalamineSheet", *, from_column_a: bool) -> Iterator[Record]:
    """Yields the row number and the cells of each row that is not empty.

    Cells that cannot be ids are `NonTextCell`s. `from_column_a` adds the empty cells before the first used
    column, so that numbers of columns count from A.
    """
    before = [""] * sheet.start[1] if from_column_a and sheet.start else []
    for line, row in enumerate(sheet.iter_rows(), 1):
        cells = [as_text(cell) for cell in row]
        if any(cells):
            yield line, before + cells


def as_text(cell: Cell) -> str:
    """The text of a cell; a `NonTextCell` if it is no text and no exact number."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return NonTextCell(
            str(cell), f"a cell of kind {type(cell).__name__}, expected text; format the column as text"
        )
    if abs(cell) >= _EXACT:
        return NonTextCell(
            str(cell), "a number of more than 15 digits, which Excel does not keep; format the column as text"
        )
    return str(int(cell)) if cell == int(cell) else repr(cell)
