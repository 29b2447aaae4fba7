from collections.abc import Callable

import pytest

from producers.reading import Duplicate, Malformed, Wellformed
from producers.reading.blocks import MAX_LINE
from tests.producers.reading.rows import Row
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]
OURS = b"line,id,outcome,reason,message,http_status,attempts,finished_at\n"


def ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows if not isinstance(row, Malformed)]


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (b"name,id\nn,a\nm,b\n", None),
        (b"name,ID\r\nn,a\r\nm,b\r\n", None),
        (b"\xef\xbb\xbfid,name\na,n\nb,m\n", None),
        (b'"name", "id"\n"n","a"\n"m", "b"\n', None),
        (b"Id\na\nb\n", None),
        (b"Token ID\na\nb\n", None),
        (b"api_token_ids\na\nb\n", None),
        (b"id,key\nx,a\ny,b\n", "key"),
        (b"id,Key\nx,a\ny,b\n", "key"),
        (b"id,2\nx,a\ny,b\n", "2"),
        (b"key,token-id\nx,a\ny,b\n", "2"),
        (b"name,id,id\nn,a,c\nm,b,d\n", "2"),
    ],
)
def test_the_column_is_found_and_its_header_is_no_row(read: Read, data: bytes, column: str | None) -> None:
    assert read(data, format="csv", column=column) == [Wellformed(2, "a"), Wellformed(3, "b")]


@pytest.mark.parametrize(
    ("data", "column"), [(b"a\nb\n", None), (b"n,a\nm,b,extra\n", "2"), (b"a\r\nb\r\n", "1")]
)
def test_without_a_header_the_first_record_is_a_row(read: Read, data: bytes, column: str | None) -> None:
    assert read(data, format="csv", column=column) == [Wellformed(1, "a"), Wellformed(2, "b")]


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        (
            b"name,token\nn,a\n",
            None,
            "no column id; --column takes a name or a number; found 2 columns: name",
        ),
        (b"name,id\nn,a\n", "key", "no column key (--column); found 2 columns: name, id"),
        (b"name,id\nn,a\n", "3", "no column number 3 (--column); found 2 columns: name, id"),
        (b"name,id\nn,a\n", "0", "no column number 0"),
        (b"name,id\nn,a\n", "9" * 5000, "no column number 999"),
        (b"id,name,id\nn,a\n", None, "columns 1, 3 are all called id; --column takes a number too"),
        (b"Id,ID\nn,a\n", None, "columns 1, 2 are all called id"),
        (b"id;name\na;b\n", None, "found semicolons or tabs in the first row"),
        (b'"id\nx', None, "line 1, the first of the CSV: not valid CSV"),
    ],
)
def test_a_csv_without_the_column_is_refused(
    read: Read, data: bytes, column: str | None, message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        read(data, format="csv", column=column)
    assert str(caught.value).startswith("standard input: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_first_row_of_data_is_not_quoted_in_the_error(read: Read) -> None:
    secret = "S" * 64
    guid = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(BadInputError, match=r"found 3 columns: \(number 1\), \(number 2\), name") as caught:
        read(f"{secret},{guid},name\n".encode(), format="csv")
    assert secret not in str(caught.value)
    assert guid not in str(caught.value)


def test_an_id_that_is_exactly_named_wins_over_other_letter_case(read: Read) -> None:
    assert ids(read(b"ID,id\nx,a\n", format="csv")) == ["a"]


def test_a_record_over_several_lines_has_its_first_line(read: Read) -> None:
    data = b'id,note\na,"one\r\ntwo\n\nthree"\n\nb,"x, ""y"""\na,z\n'
    assert read(data, format="csv") == [Wellformed(2, "a"), Wellformed(7, "b"), Duplicate(8, "a", 2)]


def test_empty_records_are_no_rows(read: Read) -> None:
    data = b"\n , \nname,id\n,\n  \nn,a\n , ,\n\n"
    assert read(data, format="csv") == [Wellformed(6, "a")]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"id,name\n", b"id"])
def test_a_csv_without_records_is_an_empty_list(read: Read, data: bytes) -> None:
    assert read(data, format="csv") == []


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"n,", "empty id"),
        (b"n", "1 cells, the id is expected in cell 2"),
        (b"n,a b,z", "a space at column 2"),
        (b"n,a,z,more", "4 cells, at most 3 expected; is a quote missing?"),
        (b"n,a\rb", "not valid CSV: a quote or carriage return out of place"),
        (b'"n"n,a', "not valid CSV: a quote or carriage return out of place"),
        (b"\xc3\xa4,a\xff", "not UTF-8 at column 2"),
        (b"n,a\0b", "a NUL byte at column 2"),
        (b"n,a," + b"x" * MAX_LINE, "a record longer than 65536 bytes; is a quote left open?"),
    ],
)
def test_a_malformed_record_is_reported_and_its_neighbours_are_read(
    read: Read, record: bytes, why: str
) -> None:
    assert read(b"name,id,note\nn,one\n" + record + b"\nn,two,z,\n", format="csv") == [
        Wellformed(2, "one"),
        Malformed(3, why),
        Wellformed(4, "two"),
    ]


def test_every_line_of_a_broken_record_is_reported(read: Read) -> None:
    data = b'id,note\na,ok\nb,"open\nc,x\nd,"y\ne,ok\n'
    part = "part of the record that begins at line 3 and is broken"
    assert read(data, format="csv") == [
        Wellformed(2, "a"),
        Malformed(3, "not valid CSV: a quote or carriage return out of place"),
        Malformed(4, part),
        Malformed(5, part),
        Wellformed(6, "e"),
    ]


def test_a_quote_never_closed_does_not_lose_lines_in_silence(read: Read) -> None:
    rows = read(b'id,note\na,"open\nb,x\nc,y', format="csv")
    assert [(type(row), row.line) for row in rows] == [(Malformed, 2), (Malformed, 3), (Malformed, 4)]


def test_a_quote_left_open_costs_a_bounded_number_of_lines(read: Read) -> None:
    many = [f"id{number},n" for number in range(30_000)]
    rows = read(("id,note\nx," + '"open\n' + "\n".join(many) + "\n").encode(), format="csv")
    assert [row.line for row in rows] == list(range(2, 30_003))
    broken = [row for row in rows if isinstance(row, Malformed)]
    assert broken[0].why == "a record longer than 65536 bytes; is a quote left open?"
    assert sum(len(many[row.line - 3]) + 1 for row in broken[1:-1]) <= MAX_LINE
    assert ids(rows) == [text.partition(",")[0] for text in many[len(broken) - 1 :]]


def test_an_overlong_line_inside_a_quoted_cell_ends_its_record(read: Read) -> None:
    rows = read(b'id,note\na,"open\n' + b"x" * (MAX_LINE * 3) + b"\nb,ok\n", format="csv")
    assert [(type(row), row.line) for row in rows] == [(Malformed, 2), (Malformed, 3), (Wellformed, 4)]


def test_our_own_header_is_known_in_any_input_and_the_guard_is_taken_off(read: Read, read_file: Read) -> None:
    data = OURS + b"3,'=a,failed,R,'=m,400,1,\n4,''=b,failed,R,m,400,1,\n5,'c,failed,,,,,\n9,-d,,,,,,\n"
    expected = ["=a", "'=b", "'c", "-d"]
    for name in ("failed.csv", "failed.txt", "failed", "failed.csv.gz"):
        assert ids(read_file(name, data)) == expected
    assert ids(read(data)) == expected
    assert ids(read(data.replace(b"\n", b"\r\n"))) == expected
    assert ids(read(b"\xef\xbb\xbf" + data)) == expected
    assert ids(read(data, column="2")) == expected


def test_the_guard_stays_where_the_header_is_not_ours(read: Read) -> None:
    assert ids(read(b"name,id\nn,'=a\n", format="csv")) == ["'=a"]


def test_a_malformed_line_in_our_results_stays_malformed(read: Read) -> None:
    assert read(OURS + b"7,,skipped,MALFORMED,empty id,,,\n") == [Malformed(2, "empty id")]
