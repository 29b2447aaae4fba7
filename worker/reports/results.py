"""One row per line of the input, streamed from the record as CSV or NDJSON."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from worker.core.errors import BadInputError
from worker.core.outcome import Outcome
from worker.core.rows import COLUMNS, Row, job_rows
from worker.store.jobs import JobStore

_FORMULA: Final = re.compile(r"'*[=+\-@]")
"""A cell that begins so is run as a formula by spreadsheets; a `'` before it makes it text. One that has
a `'` already gets another, so that whoever takes one off again has what was there."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_GROUP: Final = 2000
"""Rows formatted at once."""

Write = Callable[[bytes], object]


def job_results(
    store: JobStore,
    job_id: str,
    outcomes: Collection[Outcome] = (),
    ids: Collection[str] = (),
) -> Iterator[Row]:
    """The rows of a job, narrowed to `outcomes` and `ids` where given.

    Raises `NoSuchJobError` when it is called, before the first row is asked for.
    """
    raw = store.read(job_id)
    count = int(raw.fields.get("slices", 0))
    found = store.slices_holding(job_id, count, ids) if ids else store.slices(job_id, count)
    slices = ((item.part, item.stored) for item in found)
    # A reason that a running job meets after this moment shows as none until the next reading.
    rows = job_rows(raw.fields, raw.reasons, slices, store.skipped(job_id))
    return narrowed(rows, outcomes, ids)


def narrowed(rows: Iterator[Row], outcomes: Collection[Outcome], ids: Collection[str]) -> Iterator[Row]:
    if not outcomes and not ids:
        return rows
    return (row for row in rows if (not outcomes or row.outcome in outcomes) and (not ids or row.id in ids))


def parse_outcomes(text: str | None) -> frozenset[Outcome]:
    """`failed,unknown` as outcomes. Raises `BadInputError`."""
    if text is None:
        return frozenset()
    names = [name.strip() for name in text.split(",")]
    known = {str(outcome) for outcome in Outcome}
    for name in names:
        if name not in known:
            raise BadInputError(f"--outcome: {name!r} is none of {', '.join(sorted(known))}")
    return frozenset(Outcome(name) for name in names)


def write_csv(rows: Iterable[Row], write: Write) -> int:
    """Writes a header and the rows; how many rows there were."""
    write((",".join(COLUMNS) + "\n").encode())
    return _write_groups(rows, write, _csv_group)


def write_ndjson(rows: Iterable[Row], write: Write) -> int:
    return _write_groups(rows, write, _ndjson_group)


def _write_groups(rows: Iterable[Row], write: Write, shape: Callable[[list[Row]], bytes]) -> int:
    source = iter(rows)
    count = 0
    while group := list(islice(source, _GROUP)):
        write(shape(group))
        count += len(group)
    return count


def _csv_group(rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        (
            row.line,
            _cell(row.id),
            row.outcome,
            _cell(row.reason),
            _cell(row.message),
            row.http_status,
            row.attempts,
            row.finished_at,
        )
        for row in rows
    )
    return text.getvalue().encode()


def _ndjson_group(rows: list[Row]) -> bytes:
    return msgspec.json.Encoder().encode_lines(rows)


def _cell(text: str | None) -> str | None:
    if not text:
        return text
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"'{text}" if _FORMULA.match(text) else text
