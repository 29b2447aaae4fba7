"""One row per line of the input, streamed from the record as CSV or NDJSON."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, cast

import msgspec

from worker.core.errors import BadInputError
from worker.core.outcome import Outcome
from worker.core.rows import COLUMNS, Run, alone, job_runs, rows_of
from worker.store.jobs import JobStore

_FORMULA: Final = re.compile(r"'*[=+\-@]")
"""A cell that begins so is run as a formula by spreadsheets; a `'` before it makes it text. One that has
a `'` already gets another, so that whoever takes one off again has what was there."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_GROUP: Final = 2000
"""Rows formatted at once."""
_ndjson: Final = msgspec.json.Encoder()

Write = Callable[[bytes], object]


def job_results(
    store: JobStore,
    job_id: str,
    outcomes: Collection[Outcome] = (),
    ids: Collection[str] = (),
) -> Iterator[Run]:
    """The rows of a job, narrowed to `outcomes` and `ids` where given.

    Raises `NoSuchJobError` when it is called, before the first row is asked for.
    """
    raw = store.read(job_id)
    count = int(raw.fields.get("slices", 0))
    found = store.slices_holding(job_id, count, ids) if ids else store.slices(job_id, count)
    slices = ((item.part, item.stored) for item in found)
    # A reason that a running job meets after this moment shows as none until the next reading.
    return narrowed(job_runs(raw.fields, raw.reasons, slices, store.skipped(job_id)), outcomes, ids)


def narrowed(runs: Iterable[Run], outcomes: Collection[Outcome], ids: Collection[str]) -> Iterator[Run]:
    for run in runs:
        if outcomes and run.outcome not in outcomes:
            continue
        if ids:
            yield from (alone(row) for row in run.rows() if row.id in ids)
        else:
            yield run


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


def write_csv(runs: Iterable[Run], write: Write) -> int:
    """Writes a header and the rows; how many rows there were."""
    write((",".join(COLUMNS) + "\n").encode())
    count = 0
    text: list[str] = []
    for run in runs:
        tail = _tail(*run[2:])
        text += [f"{line},{cell},{tail}" for line, cell in zip(run.lines, _id_cells(run.ids), strict=True)]
        if len(text) >= _GROUP:
            write("".join(text).encode())
            count += len(text)
            text = []
    write("".join(text).encode())
    return count + len(text)


def write_ndjson(runs: Iterable[Run], write: Write) -> int:
    source = rows_of(runs)
    count = 0
    while group := list(islice(source, _GROUP)):
        write(_ndjson.encode_lines(group))
        count += len(group)
    return count


@lru_cache(maxsize=4096)
def _tail(
    outcome: Outcome,
    reason: str | None,
    message: str | None,
    http_status: int | None,
    attempts: int,
    finished_at: str | None,
) -> str:
    """What comes after the id, with the line's end: alike in hundreds of rows."""
    return _csv_line(outcome, _cell(reason), _cell(message), http_status, attempts, finished_at)


def _id_cells(ids: Sequence[str | None]) -> Iterable[str]:
    if None not in ids and _are_plain(cast("Sequence[str]", ids)):
        return cast("Sequence[str]", ids)
    return [_csv_line(_cell(token_id), "")[:-2] for token_id in ids]


def _are_plain(ids: Sequence[str]) -> bool:
    """Letters, digits and inner hyphens, as in a GUID: beyond doubt CSV cells as they stand."""
    # Where the least of them begins with no hyphen, none does.
    return min(ids) >= "0" and "".join(ids).replace("-", "").isalnum()


def _csv_line(*cells: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(text: str | None) -> str | None:
    if not text:
        return text
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"'{text}" if _FORMULA.match(text) else text
