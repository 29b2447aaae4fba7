"""How the row of an id is written: as a line of CSV, and as one of NDJSON."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from worker.core.reporting.formulas import guarded
from worker.core.reporting.rows import Row

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_Parts = Iterator[tuple[int, str | None, str]]
"""The line of each row, its id, and the text that follows the id."""


class RowFormat(NamedTuple):
    """How rows become text, many at a time: a call for each row would cost more than its text."""

    rest: Callable[[Row], str]
    """Formats what follows the id, with the line end."""
    plain: Callable[[_Parts], list[str]]
    """Formats rows whose ids need no quoting, such as GUIDs."""
    quoted: Callable[[_Parts], list[str]]
    """Formats rows with any ids."""


def cell(text: str | None) -> str:
    """A CSV cell, quoted as `csv.writer` does if needed, and guarded against being read as a formula."""
    if not text:
        return ""
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    text = guarded(text)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _csv_rest(row: Row) -> str:
    reason, message = cell(row.reason), cell(row.message)
    status = "" if row.http_status is None else row.http_status
    return f",{row.outcome},{reason},{message},{status},{row.attempts},{row.finished_at or ''}\n"


def _json(value: object) -> str:
    return _encode(value).decode()


def _json_rest(row: Row) -> str:
    # No id can contain this mark: its quotes would be escaped.
    _, mark, rest = _json(row).partition(',"outcome":')
    return f"{mark}{rest}\n"


_encode: Final = msgspec.json.Encoder().encode
CSV: Final = RowFormat(
    _csv_rest,
    lambda rows: [f"{line},{id_}{rest}" for line, id_, rest in rows],
    lambda rows: [f"{line},{cell(id_)}{rest}" for line, id_, rest in rows],
)
NDJSON: Final = RowFormat(
    _json_rest,
    lambda rows: [f'{{"line":{line},"id":"{id_}"{rest}' for line, id_, rest in rows],
    lambda rows: [f'{{"line":{line},"id":{_json(id_)}{rest}' for line, id_, rest in rows],
)
