"""Rows on their way out: exact in NDJSON, harmless in CSV, and readable again."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading import InputOptions, Source, Wellformed
from tests.producers.reading.rows import read_rows
from worker.core.ids import malformed
from worker.core.outcome import Outcome
from worker.core.reporting.formulas import guarded
from worker.core.reporting.rows import COLUMNS, Row, RowSpan, rows_of, single_row
from worker.reports.row_text import ndjson_pieces, write_csv, write_pieces


def csv_of(*rows: Row) -> str:
    out = io.BytesIO()
    assert write_csv(map(single_row, rows), out.write) == len(rows)
    return out.getvalue().decode()


def failed(token_id: str | None, message: str = "") -> Row:
    return Row(1, token_id, Outcome.FAILED, "REFUSED", message, 200, 1, "2026-11-24T00:00:00.000Z")


def test_the_columns_are_those_of_the_contract() -> None:
    assert csv_of().strip() == "line,id,outcome,reason,message,http_status,attempts,finished_at"
    assert tuple(Row.__struct_fields__) == COLUMNS


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'=", "''@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_is_run_as_a_formula(start: str) -> None:
    line = csv_of(failed(f"{start}1+1", f"{start}cmd")).splitlines()[1]
    assert line == f"1,'{start}1+1,failed,REFUSED,'{start}cmd,200,1,2026-11-24T00:00:00.000Z"


def test_no_part_of_a_cell_is_run_where_other_separators_are_used() -> None:
    line = csv_of(failed("a;=1", "no,@x")).splitlines()[1]
    assert line.startswith("""1,a;'=1,failed,REFUSED,"no,'@x",""")


def test_excel_is_told_of_utf_8_and_the_file_still_goes_back_in() -> None:
    out = io.BytesIO()
    write_csv([single_row(failed("=\u00e4"))], out.write, bom=True)
    assert out.getvalue().startswith(b"\xef\xbb\xbfline,id,")
    with Source.open("-", io.BytesIO(out.getvalue())) as source:
        assert list(read_rows(source, InputOptions())) == [Wellformed(2, "=\u00e4")]


def test_control_characters_become_visible() -> None:
    line = csv_of(failed("a", "one\ntwo\x1b[31m\x9b")).splitlines()[1]
    assert "one\\x0atwo\\x1b[31m\\x9b" in line


def test_ndjson_is_exact() -> None:
    out = io.BytesIO()
    write_pieces(ndjson_pieces(map(single_row, [failed("=1", "one\ntwo"), failed(None)])), out.write)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["id"], first["message"]) == ("=1", "one\ntwo")
    assert second["id"] is None


_IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: malformed(text) is None and text.strip() == text and "\ufeff" not in text
)


@given(st.lists(_IDS, unique=True, max_size=20))
def test_what_is_written_goes_straight_back_in(ids: list[str]) -> None:
    text = csv_of(*(failed(token_id) for token_id in ids))
    with Source.open("-", io.BytesIO(text.encode())) as source:
        rows = list(read_rows(source, InputOptions()))
    assert [row.id for row in rows if isinstance(row, Wellformed)] == ids


_TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ROWS = st.builds(
    Row,
    st.integers(1, 10**9),
    st.none() | _IDS | st.sampled_from(["a-b", "-a", "=1", "a,b", 'a"b', "None", 'x","outcome":"y']),
    st.sampled_from(Outcome),
    _TEXTS,
    _TEXTS | st.sampled_from(['no, "never"', "'=1", ',"outcome":']),
    st.none() | st.integers(0, 599),
    st.integers(0, 255),
    st.none() | st.just("2026-11-24T00:00:00.000Z"),
)


def in_runs(rows: list[Row], size: int) -> list[RowSpan]:
    """Runs of `size` lines whose rows are like the first of each."""
    cuts = [rows[at : at + size] for at in range(0, len(rows), size)]
    return [RowSpan([row.line for row in cut], [row.id for row in cut], cut[0]) for cut in cuts]


def plain_cell(text: str | None) -> str | None:
    """As a cell is to be, before `csv.writer` quotes it."""
    shown = "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" else c for c in text or "")
    return guarded(shown) or None


@given(st.lists(_ROWS, max_size=9), st.integers(1, 4))
def test_rows_are_written_as_the_standard_library_writes_each(rows: list[Row], size: int) -> None:
    runs = in_runs(rows, size)
    wanted, found = io.StringIO(newline=""), io.BytesIO()
    writer = csv.writer(wanted, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows_of(runs):
        line, *texts, status, attempts, at = msgspec.structs.astuple(row)
        writer.writerow([line, *map(plain_cell, texts), status, attempts, at])
    assert write_csv(runs, found.write) == len(rows)
    assert found.getvalue() == wanted.getvalue().encode()


@given(st.lists(_ROWS, max_size=9), st.integers(1, 4))
def test_each_line_of_ndjson_is_its_row(rows: list[Row], size: int) -> None:
    runs, found = in_runs(rows, size), io.BytesIO()
    assert write_pieces(ndjson_pieces(runs), found.write) == len(rows)
    assert found.getvalue() == msgspec.json.Encoder().encode_lines(list(rows_of(runs)))


def test_rows_are_written_in_groups(tmp_path: Path) -> None:
    writes: list[bytes] = []
    assert write_csv((single_row(failed(str(number))) for number in range(5000)), writes.append) == 5000
    assert len(writes) < 10
