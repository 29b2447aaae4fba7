"""Parquet holds what NDJSON holds, in row groups, the same bytes each time; without its extra it says so."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.servers import missing
from worker.core.outcome import Outcome
from worker.core.reporting.rows import COLUMNS, Row, single_row
from worker.reports.parquet import ROW_GROUP, write_parquet
from worker.reports.row_text import ndjson_pieces, write_pieces

ROWS = [
    Row(1, '=cmd|"\n\u00e9', Outcome.FAILED, "REFUSED", "it's\nno", 200, 2, "2026-11-24T00:00:00.007Z"),
    Row(2, None, Outcome.SKIPPED, "EMPTY", "empty id"),
    Row(3, "b", Outcome.ACTIVATED, None, None, 200, 1, "2026-11-24T00:00:01.000Z"),
]
HIDDEN = "import sys; sys.modules['pyarrow'] = None; from producers.cli.main import main; main(sys.argv[1:])"
"""The command where an import of pyarrow fails, as it does where it is not installed."""


@pytest.fixture(scope="module")
def pq() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415 -- it may be missing.
    except ImportError:
        missing("pyarrow, of the extra parquet,")
    return pyarrow.parquet


def many(count: int) -> Iterator[Row]:
    return (Row(line, f"id-{line}", Outcome.ACTIVATED, None, None, 200, 1) for line in range(count))


def test_it_holds_what_ndjson_holds(pq: Any) -> None:
    out, plain = io.BytesIO(), io.BytesIO()
    assert (
        write_parquet(map(single_row, ROWS), out.write)
        == write_pieces(ndjson_pieces(map(single_row, ROWS)), plain.write)
        == len(ROWS)
    )
    table = pq.read_table(io.BytesIO(out.getvalue()))
    assert tuple(table.column_names) == COLUMNS
    found = table.to_pylist()
    for row in found:
        if (at := row["finished_at"]) is not None:
            row["finished_at"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert found == [json.loads(line) for line in plain.getvalue().splitlines()]
    assert found == msgspec.to_builtins(ROWS)


def test_the_same_rows_give_the_same_bytes(pq: Any) -> None:
    one, other = io.BytesIO(), io.BytesIO()
    write_parquet(map(single_row, ROWS), one.write)
    write_parquet(map(single_row, ROWS), other.write)
    assert one.getvalue() == other.getvalue()


def test_rows_leave_a_group_at_a_time(pq: Any) -> None:
    out = io.BytesIO()
    seen: list[int] = []

    def told() -> Iterator[Row]:
        for row in many(2 * ROW_GROUP + 1):
            if row.line % ROW_GROUP == 0:
                seen.append(out.tell())
            yield row

    write_parquet(map(single_row, told()), out.write)
    # When a group's last row is asked for, all of the group before it is out.
    assert seen == sorted(set(seen))
    meta = pq.ParquetFile(io.BytesIO(out.getvalue())).metadata
    assert meta.num_rows == 2 * ROW_GROUP + 1
    assert meta.num_row_groups == ceil(meta.num_rows / ROW_GROUP)


def test_no_rows_are_a_table_too(pq: Any) -> None:
    out = io.BytesIO()
    assert write_parquet([], out.write) == 0
    assert pq.read_table(io.BytesIO(out.getvalue())).num_rows == 0


def test_without_the_extra_it_says_which_and_exits_with_2(tmp_path: Path) -> None:
    output = tmp_path / "results.parquet"
    command = [sys.executable, "-c", HIDDEN, "results", "JOB", "-o", "parquet", "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "bulk-activation-worker[parquet]" in line
    assert not output.exists()
