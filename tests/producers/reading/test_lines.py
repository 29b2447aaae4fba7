from collections.abc import Callable

import pytest

from producers.reading import Duplicate, IdSpan, Malformed, Wellformed, grouped
from producers.reading.blocks import MAX_LINE, Block
from producers.reading.plain import _any_rows, _ordinary_rows
from tests.producers.reading.rows import Row

Read = Callable[..., list[Row]]


@pytest.mark.parametrize(
    "data",
    [
        b"a\nb\n",
        b"a\nb",
        b"a\r\nb\r\n",
        b"a\r\nb\r",
        b"\xef\xbb\xbfa\nb\n",
        b" a\t\n\tb \n",
        b"a \r\nb\n\n\r\n \t\n",
    ],
)
def test_line_ends_blanks_around_and_byte_order_mark_are_harmless(read: Read, data: bytes) -> None:
    assert read(data) == [Wellformed(1, "a"), Wellformed(2, "b")]


def test_blank_lines_are_no_rows_but_count_as_lines(read: Read) -> None:
    assert read(b"\n\na\n \t\n\r\nb\n\n") == [Wellformed(3, "a"), Wellformed(6, "b")]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_list_has_no_rows(read: Read, data: bytes) -> None:
    assert read(data) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"a b", "a space at column 2"),
        (b"a\tb", "a tab at column 2"),
        (b"ab\rc", "a carriage return at column 3"),
        (b"a\x0cb", "a control character (U+000C) at column 2"),
        ("a\u00a0".encode(), "a no-break space at column 2"),
        (b"x" * 257, "257 characters, at most 256 allowed"),
        (b"ab\xffc", "not UTF-8 at byte 3"),
        (b"x" * (MAX_LINE + 1), "longer than 65536 bytes"),
        (b"x" * (5 * MAX_LINE), "longer than 65536 bytes"),
    ],
)
def test_a_malformed_line_is_described_by_number_and_its_neighbours_are_read(
    read: Read, line: bytes, why: str
) -> None:
    assert read(b"one\n" + line + b"\nthree\n") == [
        Wellformed(1, "one"),
        Malformed(2, why),
        Wellformed(3, "three"),
    ]


def test_a_line_as_long_as_allowed_is_judged_by_its_text(read: Read) -> None:
    data = b" " * (MAX_LINE - 1) + b"a\n" + b"y" * MAX_LINE + b"\nb"
    assert read(data) == [
        Wellformed(1, "a"),
        Malformed(2, "65536 characters, at most 256 allowed"),
        Wellformed(3, "b"),
    ]


def test_unusual_ids_are_read_as_they_are(read: Read) -> None:
    odd = ["=1+1", "'=x", '"quoted"', "a,b;c", "\u00fcml\u00e4ut", "\u540d\u524d", "x" * 256, "-", "id"]
    assert [row[1] for row in read("\n".join(odd).encode())] == odd


def test_files_joined_with_their_byte_order_marks_read_as_one(read: Read) -> None:
    part = b"\xef\xbb\xbf"
    assert read(part + b"a\n" + part + b"b\n") == [Wellformed(1, "a"), Wellformed(2, "b")]


def test_each_repeat_points_to_the_first_line(read: Read) -> None:
    assert read(b"a\nb\n\na \na\n") == [
        Wellformed(1, "a"),
        Wellformed(2, "b"),
        Duplicate(4, "a", 1),
        Duplicate(5, "a", 1),
    ]


def test_ids_that_differ_in_letter_case_are_different(read: Read) -> None:
    assert read(b"ab\nAB\n") == [Wellformed(1, "ab"), Wellformed(2, "AB")]


@pytest.mark.parametrize("data", [b"a\nb\n", b"a", b"x" * 256 + b"\n~!\n"])
def test_the_fast_way_and_the_slow_way_give_the_same_rows(data: bytes) -> None:
    fast = _ordinary_rows(Block(7, data))
    assert fast is not None
    (slow,) = grouped(_any_rows(Block(7, data)))
    assert isinstance(slow, IdSpan)
    assert [(list(one.lines), one.ids) for one in fast] == [(slow.lines, slow.ids)]


@pytest.mark.parametrize("data", [b"a\n\nb\n", b"\n", b"a b\n", b"\xc3\xa4\n", b"a\r", b"x" * 257, b"\x7f"])
def test_the_fast_way_leaves_what_is_in_doubt(data: bytes) -> None:
    assert _ordinary_rows(Block(1, data)) is None
