import io
from collections.abc import Callable
from pathlib import Path

import pytest

from producers.reading import InputOptions, Malformed, Source, Wellformed
from producers.reading.formats import format_of
from tests.producers.reading.rows import Row, read_rows
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]
OURS = b"line,id,outcome,reason,message,http_status,attempts,finished_at"


@pytest.mark.parametrize(
    ("name", "data", "options", "expected"),
    [
        ("ids", b"a", InputOptions(), "lines"),
        ("ids.txt", b"a", InputOptions(), "lines"),
        ("ids.csv", b"a", InputOptions(), "csv"),
        ("IDS.CSV", b"a", InputOptions(), "csv"),
        ("ids.csv.gz", b"a", InputOptions(), "csv"),
        ("ids.ndjson", b"a", InputOptions(), "ndjson"),
        ("ids.jsonl", b"a", InputOptions(), "ndjson"),
        ("ids.jsonl.gz", b"a", InputOptions(), "ndjson"),
        ("ids.txt.gz", b"a", InputOptions(), "lines"),
        ("ids.gz", b"a", InputOptions(), "lines"),
        ("ids.csv", b"a", InputOptions(format="lines"), "lines"),
        ("ids.txt", b"a", InputOptions(format="ndjson"), "ndjson"),
        ("ids.txt", b"a", InputOptions(column="id"), "csv"),
        ("ids.txt", b"a", InputOptions(field="id"), "ndjson"),
        ("ids.txt", OURS, InputOptions(), "csv"),
        ("ids.txt", OURS, InputOptions(format="lines"), "lines"),
        ("ids.ndjson", OURS, InputOptions(), "ndjson"),
        ("ids.txt", OURS + b",more\n", InputOptions(), "csv"),
        ("ids.txt", b"sep=,\r\n" + OURS + b"\r\n", InputOptions(), "csv"),
        ("ids.txt", b"\xef\xbb\xbf" + OURS, InputOptions(), "csv"),
        ("ids.txt", b"sep=;\nmore;outcome;id;line\n", InputOptions(), "csv"),
        ("ids.txt", b'"line"\t"id"\t"outcome"\n', InputOptions(), "csv"),
        ("ids.txt", b"line,id\n", InputOptions(), "lines"),
        ("ids.txt", b"a\n" + OURS, InputOptions(), "lines"),
        ("ids.tsv", b"a", InputOptions(), "tsv"),
        ("ids.TSV.gz", b"a", InputOptions(), "tsv"),
        ("ids.xlsx", b"a", InputOptions(), "xlsx"),
        ("-", b"a", InputOptions(sheet="2"), "xlsx"),
        ("ids.txt", b"a", InputOptions(delimiter=";"), "csv"),
        ("ids.txt", b"id,name\na,b\n", InputOptions(), "lines"),
        ("ids.txt", b'{"id":"a"}\n', InputOptions(), "lines"),
        ("ids.txt", b"x" * 100_000, InputOptions(), "lines"),
    ],
)
def test_the_format_is_told_by_option_then_name_then_our_header(
    tmp_path: Path, read_file: Read, name: str, data: bytes, options: InputOptions, expected: str
) -> None:
    read_file(name, data, format="lines")
    with Source.open(str(tmp_path / name)) as source:
        assert format_of(source, options) == expected


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.ndjson", {"column": "id"}, "--column: .*x.ndjson is read as ndjson; --format csv"),
        ("x.csv", {"field": "id"}, "--field: .*x.csv is read as csv; --format ndjson"),
        ("x", {"column": "id", "format": "lines"}, "--column: .*x is read as lines"),
        ("x", {"column": "id", "field": "id"}, "--field: .*x is read as csv"),
        ("x.csv", {"sheet": "1"}, "--sheet: .*x.csv is read as csv; --format xlsx"),
        ("x.tsv", {"delimiter": ";"}, "--delimiter: .*x.tsv is read as tsv"),
        ("x.csv", {"delimiter": ";;"}, "--delimiter: expected one character"),
    ],
)
def test_an_option_of_another_format_is_refused(
    read_file: Read, name: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        read_file(name, b"id\n", **options)


def test_strict_stops_at_the_first_malformed_line_and_names_it(read: Read) -> None:
    with pytest.raises(BadInputError) as caught:
        read(b"a\n\na\nnot good\nb\n\xff\n", strict=True)
    assert str(caught.value) == ("standard input: line 4: a space at column 4 (--strict)")


def test_strict_does_not_mind_duplicates_and_blank_lines(read: Read) -> None:
    assert len(read(b"a\n\na\n", strict=True)) == 2


def test_a_pass_hands_out_its_lines_block_by_block() -> None:
    with Source.open("-", io.BytesIO(b"a\nb c\n" * 200_000)) as source:
        passing = source.lines()
        first = next(passing)
        assert first is not None
        assert first[0] == 1
        assert next(passing)[0] > 1


@pytest.mark.parametrize("kind", ["lines", "csv", "ndjson"])
def test_no_reason_quotes_the_line(read: Read, kind: str) -> None:
    secret = "TopSecret"
    lines = [f"{secret} x", f'"{secret}', f'{{"id": {secret}', f'{{"id": ["{secret}"]}}', secret * 40]
    data = ("id\n" + "\n".join(lines) + "\n").encode() + secret.encode() + b"\xff\n"
    bad = [row for row in read(data, format=kind) if isinstance(row, Malformed)]
    assert bad
    assert not any(secret in row.why for row in bad)


def test_an_input_is_read_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(b"id\na\nb\n")
    with Source.open(str(path)) as source:
        first, second = read_rows(source, InputOptions()), read_rows(source, InputOptions())
        mixed = [next(first), next(second), next(first), next(second)]
    assert mixed == [Wellformed(2, "a"), Wellformed(2, "a"), Wellformed(3, "b"), Wellformed(3, "b")]
