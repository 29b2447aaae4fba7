"""Lists as other programs write them: read as they are meant, or refused with what they seem to be."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from producers.reading import Duplicate, InputOptions, Malformed, Source, Wellformed, reading_of, survey
from tests.producers.reading.rows import Row
from tests.producers.reading.workbooks import Sheet, column, workbook
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]
OURS = b"line,id,outcome,reason,message,http_status,attempts,finished_at\n"
A, B = "6f1c0a52-3b7e-4d0a-9c51-0d6a1b2c7d2e", "91aa7c3e-55d2-4f08-8e1b-7b6c5d4e03bc"


def refusal(tmp_path: Path, data: bytes, name: str = "ids.txt", **options: object) -> str:
    path = tmp_path / name
    path.write_bytes(data)
    with (
        pytest.raises(BadInputError) as caught,
        Source.open(str(path)) as source,
    ):
        survey(source, InputOptions(**options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("mac.txt", f"{A}\r{B}\r".encode(), "carriage returns alone"),
        ("mac.csv", f"id,name\r{A},x\r".encode(), "carriage returns alone"),
        (
            "psql.txt",
            f"  id  | name \n------+------\n {A} | Bob\n {B} | Eve\n(2 rows)\n".encode(),
            "psql -At",
        ),
        ("mysql.txt", f"+----+\n| id |\n+----+\n| {A} |\n| {B} |\n| x |\n| y |\n".encode(), "mysql -BN"),
        ("tabs.txt", f"{A}\tBob\n{B}\tEve\n".encode(), "--format tsv"),
        ("tabs.csv", f"name\tid\nBob\t{A}\n".encode(), "--format tsv"),
        ("excel.csv", f"name;id\r\nBob;{A}\r\n".encode("cp1252"), "--delimiter ';'"),
        ("many.csv", f"name;id;a, b\nBob;{A};x\n".encode(), "--delimiter ';'"),
        (
            "export.csv",
            f'#TYPE Selected.Custom\r\n"Name","Id"\r\n"x","{A}"\r\n'.encode(),
            "-NoTypeInformation",
        ),
        ("one.csv", f'\ufeff#TYPE Token\r\n"Id"\r\n"{A}"\r\n'.encode(), "-NoTypeInformation"),
        ("array.ndjson", b'[{"id":"a"},{"id":"b"}]\n', "jq -c '.[]'"),
        ("array.txt", b'[{"id": "a"}, {"id": "b"}]', "jq -c '.[]'"),
        ("array.json", f'["{A}", "{B}"]'.encode(), "jq -c '.[]'"),
        ("printed.json", f'[\n  "{A}",\n  "{B}"\n]\n'.encode(), "jq -c '.[]'"),
        ("objects.json", b'[\n  {\n    "id": "a"\n  },\n  {\n    "id": "b"\n  }\n]\n', "jq -c '.[]'"),
        ("object.json", b'{\n  "id": "a"\n}\n', "jq -c ."),
        ("objects.txt", b'{"id": "a"}\n{"id": "b"}\n', "--format ndjson"),
        ("sep.txt", f"sep=;\nid;name\n{A};Bob X\n{B};Eve Y\nz;A B\n".encode(), "sep="),
        ("ids.zip", b"PK\x03\x04\x14\0\0\0ids.txt\n\xff\n", "zip archive"),
        ("ids.xls", b"PK\x03\x04\x14\0\0\0[Content_Types].xml\xff\xfe", "--format xlsx"),
        ("ids.xz", b"\xfd7zXZ\x00\x00\x04", "xz"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "old Excel"),
        ("word.txt", rb"{\rtf1\ansi {\fonttbl x}}", "RTF"),
        ("login.txt", b"<!DOCTYPE html>\n<html lang='en'>\n<head x='y'>", "HTML"),
        ("little.txt", f"{A}\n{B}\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("wide.txt", f"{A}\n{B}\n".encode("utf-32"), "UTF-32"),
        ("packed.txt", gzip.compress(f"{A}\tBob\n".encode(), mtime=0), "--format tsv"),
    ],
)
def test_a_list_that_is_something_else_is_refused_with_what_it_seems_to_be(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    message = refusal(tmp_path, data, name)
    assert "it looks like " in message
    assert words in message
    assert A not in message


def test_a_zip_that_holds_its_list_unpacked_is_no_list_but_for_two_lines(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("ids.txt", "".join(f"{A}-{number}\n" for number in range(1000)))
    message = refusal(tmp_path, packed.getvalue(), "ids.csv")
    assert "2 of 1,001 lines are malformed" in message
    assert message.endswith("it looks like a zip archive: unpack it first")


def test_a_workbook_is_a_zip_too_and_one_bad_row_of_it_costs_that_row(tmp_path: Path) -> None:
    path = tmp_path / "ids.xlsx"
    path.write_bytes(workbook(Tokens=Sheet(column("id", A, "not an id", B))))
    with Source.open(str(path)) as source:
        found = survey(source, InputOptions())
    assert (found.first, found.last) == (f"{A[:4]}…{A[-4:]}", f"{B[:4]}…{B[-4:]}")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_utf_16_with_its_mark_is_text_as_any_other(
    read: Read, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """As Excel's 'Unicode Text' and PowerShell's `>` write it."""

    def encoded(text: str) -> bytes:
        return pack(f"\ufeff{text}".encode(encoding))

    assert read(encoded(f"{A}\r\n\r\n{B}\r\n")) == [Wellformed(1, A), Wellformed(3, B)]
    table = encoded(f"Owner\tToken Id\r\nJ\u00fcrgen\t{A}\r\n\u4e00\t{B}\r\n")
    assert read(table, format="tsv", column="Token Id") == [Wellformed(2, A), Wellformed(3, B)]
    assert read(encoded(f'"{A}"\r\n'), format="ndjson") == [Wellformed(1, A)]
    ours = OURS.decode() + "1,'=a,failed,,,,,\r\n"
    assert read(encoded(ours)) == [Wellformed(2, "=a")]
    # Two files joined, each with its mark.
    assert read(encoded(f"{A}\r\n\ufeff{B}\r\n")) == [Wellformed(1, A), Wellformed(2, B)]


def test_utf_16_that_is_no_text_costs_the_lines_that_it_is_in(read: Read) -> None:
    lost = "a replacement character at column 2"
    torn = "\ufeffa\nb".encode("utf-16-le") + b"\x00\xd8" + "\nc\nd".encode("utf-16-le") + b"x"
    assert read(torn) == [Wellformed(1, "a"), Malformed(2, lost), Wellformed(3, "c"), Malformed(4, lost)]


def test_utf_16_is_read_in_pieces_of_any_size(read: Read) -> None:
    """A character may stand on the seam of two."""
    ids = [f"{A}-\U0001f511-{number}" for number in range(40_000)]
    rows = read("\n".join(ids).encode("utf-16"))
    assert [row.id for row in rows if isinstance(row, Wellformed)] == ids


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_table_that_powershell_printed_is_known(tmp_path: Path, ending: str) -> None:
    table = ["", "TokenId".ljust(37) + "Owner", "-------".ljust(37) + "-----", f"{A} Bob", f"{B} Eve", ""]
    message = refusal(tmp_path, ending.join(table).encode("utf-16"))
    assert "PowerShell prints it" in message


def test_json_values_are_read_a_line_each_whatever_the_name(read_file: Read) -> None:
    expected = [Wellformed(1, A), Wellformed(2, B)]
    assert read_file("ids.json", f'"{A}"\n"{B}"\n'.encode()) == expected
    assert read_file("ids.json.gz", f'{{"id": "{A}"}}\n{{"id": "{B}"}}\n'.encode()) == expected


def test_most_of_it_malformed_is_refused_with_the_commonest_faults_by_line(tmp_path: Path) -> None:
    lines = [*["good"] * 4, *["a b"] * 3, "x" * 300, "a\u200bb", "a\u200bb", "\u201cq\u201d"]
    message = refusal(tmp_path, "\n".join(lines).encode())
    assert "7 of 11 lines are malformed" in message
    assert "nothing was stored or sent" in message
    assert (
        "3 like line 5 (a space at column 2), 2 like line 9 (a zero-width space at column 2), 1 like"
        in message
    )
    assert message.endswith("; mend the list, or send the other 4 alone with --allow-malformed")
    assert message.count(" like line ") == 3


def test_where_no_line_is_an_id_none_is_offered_to_be_sent_alone(tmp_path: Path) -> None:
    message = refusal(tmp_path, b"a b\nc d\n")
    assert message.endswith(
        "2 of 2 lines are malformed, and nothing was stored or sent: 2 like line 1 (a space"
        " at column 2); mend the list"
    )


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"a b\n", True),
        (b"a\nb c\n", False),
        (b"a\nb c\nd e\n", True),
        (b"a\na\nb c\nd e\n", False),
        (b"", False),
        (b"\n \n", False),
    ],
)
def test_half_of_a_list_may_be_malformed_and_no_more(tmp_path: Path, data: bytes, refused: bool) -> None:
    path = tmp_path / "ids"
    path.write_bytes(data)
    with Source.open(str(path)) as source:
        survey(source, InputOptions(allow_malformed=True))
        if not refused:
            survey(source, InputOptions())
    if refused:
        assert "lines are malformed" in refusal(tmp_path, data)


def test_a_semicolon_is_read_where_it_is_said(read: Read) -> None:
    data = f"name;id\r\n\xe4;{A}\r\nx;{B}\r\n".encode("cp1252")
    expected = [Wellformed(2, A), Wellformed(3, B)]
    assert read(data, delimiter=";") == expected
    assert read(b"sep=;\r\n" + data, format="csv") == [Wellformed(3, A), Wellformed(4, B)]


def test_tabs_are_read_where_they_are_said(read: Read, read_file: Read) -> None:
    data = f"name\tid\nBob, Eve\t{A}\n\t{B}\n".encode()
    assert read(data, format="tsv") == read_file("ids.tsv", data) == [Wellformed(2, A), Wellformed(3, B)]


def test_only_the_cell_with_the_id_has_to_be_utf_8(read: Read) -> None:
    data = b"id,n\xe4me\na,M\xfcller\nb\xfc,x\n"
    assert read(data, format="csv") == [Wellformed(2, "a"), Malformed(3, "not UTF-8 at column 2")]


def test_a_nul_is_the_fault_of_its_line(read: Read) -> None:
    assert read(b"a\nb\0\nc\n") == [
        Wellformed(1, "a"),
        Malformed(2, "a NUL byte at column 2"),
        Wellformed(3, "c"),
    ]
    assert read(b"id,n\na,\0\nb\0,x\n", format="csv") == [
        Wellformed(2, "a"),
        Malformed(3, "a NUL byte at column 2"),
    ]


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("between", [b"", BOM, b"\n", b"sep=,\r\n", BOM + b"sep=,\n"])
def test_joined_results_read_as_one_list(read: Read, between: bytes) -> None:
    one, other = OURS + b"1,'=a,failed,,,,,\n", OURS + b"1,b,failed,,,,,\n2,'=a,failed,,,,,\n"
    rows = read(between + one + between + other)
    assert [(type(row), getattr(row, "id", None)) for row in rows] == [
        (Wellformed, "=a"),
        (Wellformed, "b"),
        (Duplicate, "=a"),
    ]


def test_joined_csvs_with_quotes_and_marks_read_as_one_list(read: Read) -> None:
    part = BOM + b'"id","name"\n"%s","x"\n'
    assert read(part % b"a" + part % b"b", format="csv") == [Wellformed(2, "a"), Wellformed(4, "b")]


def test_joined_results_of_other_columns_are_each_read_by_their_own_header(read: Read) -> None:
    """As versions, `--merged` and spreadsheets leave them."""
    wider = b"outcome,note,line,id\nfailed,x,1,'=b\n"
    assert read(OURS + b"1,'=a,failed,,,,,\n" + BOM + wider + OURS + b"1,c,failed,,,,,\n") == [
        Wellformed(2, "=a"),
        Wellformed(4, "=b"),
        Wellformed(6, "c"),
    ]


@pytest.mark.parametrize("head", [b"", b"sep=,\n", b"sep=,\r\n", BOM, BOM + b"sep=,\r\n"])
def test_our_own_columns_are_known_whatever_stands_beside_them(read: Read, head: bytes) -> None:
    data = head + b"note,outcome,id,line\r\nx,failed,'=a,1\r\n"
    (row,) = read(data)
    assert (row.id, type(row)) == ("=a", Wellformed)  # type: ignore[union-attr]


def test_our_own_file_that_excel_saved_with_semicolons_is_known(read: Read, read_file: Read) -> None:
    data = OURS.replace(b",", b";") + b"1;'=a;failed;;caf\xe9;400;1;\r\n"
    assert read(data) == read_file("failed.csv", data) == [Wellformed(2, "=a")]


def test_a_field_with_dots_may_be_one_key(read: Read) -> None:
    data = b'{"token.id":"a"}\n{"token":{"id":"b"}}\n{"token.id":"c","token":{"id":"d"}}\n'
    assert read(data, field="token.id") == [Wellformed(1, "a"), Wellformed(2, "b"), Wellformed(3, "c")]


def advice_of(data: bytes, **options: object) -> tuple[str, ...]:

    with Source.open("-", io.BytesIO(data)) as source:
        return survey(source, InputOptions(**options)).advice  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (f'"{A}"\n"{B}"\n'.encode(), "--format ndjson"),
        (f'[\n"{A}",\n"{B}"\n]\n'.encode(), "jq -c '.[]'"),
        (f"'{A}'\n'{B}'\n".encode(), "a quote, a bracket or a comma"),
        (f"({A})\n({B})\n".encode(), "bracket"),
        (f"{A},\n{B},\n{A}\n".encode(), "comma"),
        (f"{A},Bob\n{B},Eve\n".encode(), "--format csv"),
        (f"id\n{A}\n{B}\n".encode(), "looks like a heading"),
        (f"Schluessel\n{A}\n{B}\n".encode(), "looks like a heading"),
        (f" id \n------\n {A}\n {B}\n".encode(), "looks like a heading"),
        (b"", "holds no id"),
        (b"\n \n", "holds no id"),
    ],
)
def test_what_looks_like_a_mistake_is_told_and_not_refused(data: bytes, words: str) -> None:
    assert words in " ".join(advice_of(data))


@pytest.mark.parametrize("data", [f"{A}\n{B}\n".encode(), b"abc\ndef\n", b"x\n", f'"{A}"\n{B}\n'.encode()])
def test_an_ordinary_list_brings_no_advice(data: bytes) -> None:
    assert advice_of(data) == ()


@pytest.mark.parametrize(
    ("id_", "shown"),
    [
        (A, "6f1c…7d2e"),
        ("x" * 256, "xxxx…xxxx"),
        ("abcdefgh", "ab…gh"),
        ("abcd", "a…d"),
        ("abc", "a…"),
        ("a", "…"),
    ],
)
def test_an_id_is_shown_by_its_ends(read: Read, tmp_path: Path, id_: str, shown: str) -> None:
    path = tmp_path / "ids"
    path.write_text(f"{id_}\nmiddle-one\n{id_[::-1]}\n")
    with Source.open(str(path)) as source:
        found = survey(source, InputOptions())
    assert found.first == shown
    assert found.last == shown[::-1] if shown[-1] != "…" else found.last.endswith("…")


def test_the_same_bytes_read_in_another_way_are_another_list(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(b"id,key\na,b\n")
    with Source.open(str(path)) as source:
        words = [
            reading_of(source, options)
            for options in (
                InputOptions(),
                InputOptions(format="csv", strict=True, allow_malformed=True),
                InputOptions(format="lines"),
                InputOptions(column="key"),
                InputOptions(column="a key, once"),
                InputOptions(format="ndjson", field="a.b"),
            )
        ]
    assert words == [
        "csv",
        "csv",
        "lines",
        "csv,column=key",
        "csv,column=a%20key%2C%20once",
        "ndjson,field=a.b",
    ]
