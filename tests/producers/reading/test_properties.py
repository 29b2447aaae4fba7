import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.reading import Duplicate, InputOptions, Source, Wellformed
from producers.reading.blocks import MAX_LINE, Block, Overlong, blocks
from producers.reading.options import Format
from producers.reading.rows import trimmed
from tests.producers.reading.rows import Row, read_rows
from worker.core.errors import BadInputError
from worker.core.ids import malformed
from worker.core.reporting.rows import COLUMNS

IDS = st.lists(
    st.text(min_size=1, max_size=12).filter(lambda text: malformed(text) is None and trimmed(text) == text)
    | st.sampled_from(["=1", "'=1", "a,b", '"', '""a', "x" * 256]),
    max_size=20,
)
BLANKS = st.lists(st.sampled_from(["", " ", "\t"]), max_size=2)
ENDS = st.sampled_from(["\n", "\r\n"])
WRAP: st.SearchStrategy[Callable[[bytes], bytes]] = st.sampled_from(
    [lambda data: data, lambda data: b"\xef\xbb\xbf" + data, gzip.compress]
)

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


def read(data: bytes, kind: Format, column: str | None = None) -> list[Row]:
    with Source.open("-", io.BytesIO(data)) as source:
        return list(read_rows(source, InputOptions(format=kind, column=column)))


def expected(placed: list[tuple[int, str]]) -> list[Row]:
    first: dict[str, int] = {}
    rows: list[Row] = []
    for line, id_ in placed:
        there = first.setdefault(id_, line)
        rows.append(Wellformed(line, id_) if there == line else Duplicate(line, id_, there))
    return rows


def spread(cells: list[str], draw: st.DrawFn) -> Iterator[tuple[str, bool]]:
    """The lines with blank ones between them; True marks those that hold an id."""
    for cell in cells:
        for blank in draw(BLANKS):
            yield blank, False
        yield cell, True


def as_json(id_: str, bare: bool) -> str:
    return json.dumps(id_ if bare else {"x": [1], "id": id_}, ensure_ascii=bare)


@CALM
@given(IDS, ENDS, WRAP, st.booleans(), st.sampled_from([" {}\t", "{}"]), st.data())
def test_one_id_per_line_reads_back(
    ids: list[str],
    end: str,
    wrap: Callable[[bytes], bytes],
    closed: bool,
    around: str,
    data: st.DataObject,
) -> None:
    lines = list(data.draw(st.composite(lambda draw: list(spread(ids, draw)))()))
    text = end.join(around.format(line) for line, _ in lines) + (end if closed else "")
    placed = [(number, line) for number, (line, is_id) in enumerate(lines, 1) if is_id]
    assert read(wrap(text.encode()), "lines") == expected(placed)


@CALM
@given(IDS, ENDS, WRAP, st.booleans(), st.data())
def test_ndjson_reads_back(
    ids: list[str], end: str, wrap: Callable[[bytes], bytes], bare: bool, data: st.DataObject
) -> None:
    lines = list(data.draw(st.composite(lambda draw: list(spread(ids, draw)))()))
    text = end.join(as_json(line, bare) if is_id else line for line, is_id in lines)
    placed = [(number, line) for number, (line, is_id) in enumerate(lines, 1) if is_id]
    assert read(wrap(text.encode()), "ndjson") == expected(placed)


@CALM
@given(
    IDS,
    ENDS,
    WRAP,
    st.lists(
        st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=6), min_size=1
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_reads_back_with_the_first_line_of_each_record(
    ids: list[str], end: str, wrap: Callable[[bytes], bytes], notes: list[str], quoting: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["note", "id"])
    placed = []
    for number, id_ in enumerate(ids):
        placed.append((out.getvalue().count("\n") + 1, id_))
        writer.writerow([notes[number % len(notes)], id_])
    assert read(wrap(out.getvalue().encode()), "csv") == expected(placed)


@CALM
@given(IDS)
def test_our_own_csv_reads_back_with_its_guard(ids: list[str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for id_ in ids:
        guarded = f"'{id_}" if id_.lstrip("'").startswith(("=", "+", "-", "@")) else id_
        writer.writerow(["1", guarded, "failed", "", "", "", "1", ""])
    assert read(out.getvalue().encode(), "csv") == expected(list(enumerate(ids, 2)))


@CALM
@given(st.binary(max_size=200) | st.text('ab,";{}\r\n\t\\: ', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_bad_input_and_lines_only_rise(data: bytes) -> None:
    for kind, column in (("lines", None), ("csv", None), ("csv", "1"), ("ndjson", None)):
        try:
            rows = read(data, kind, column)  # type: ignore[arg-type]
        except BadInputError:
            continue
        numbers = [row.line for row in rows]
        assert numbers == sorted(set(numbers))
        assert all(1 <= number <= data.count(b"\n") + 1 for number in numbers)


@CALM
@given(
    st.lists(
        st.sampled_from([0, 1, 37, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 2 * MAX_LINE, 2 * MAX_LINE + 1]),
        max_size=6,
    ),
    st.lists(st.integers(MAX_LINE // 8, 3 * MAX_LINE), min_size=1, max_size=5),
    st.booleans(),
)
def test_blocks_hold_every_line_however_the_stream_is_cut(
    lengths: list[int], cuts: list[int], closed: bool
) -> None:
    lines = [b"%d" % (number % 10) * length for number, length in enumerate(lengths)]
    data = b"\n".join(lines) + (b"\n" if closed and lines else b"")
    found: dict[int, bytes | None] = {}
    for block in blocks(_pieces(data, cuts)):
        if isinstance(block, Overlong):
            found[block.line] = None
        else:
            found |= _lines(block)
    kept = {number: line if len(line) <= MAX_LINE else None for number, line in enumerate(lines, 1)}
    assert {number: line for number, line in found.items() if line != b""} == {
        number: line for number, line in kept.items() if line != b""
    }


def _pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        for cut in cuts:
            yield data[start : start + cut]
            start += cut


def _lines(block: Block) -> dict[int, bytes]:
    assert len(block.data) <= MAX_LINE + 1
    return dict(enumerate(block.data.removesuffix(b"\n").split(b"\n"), block.first))
