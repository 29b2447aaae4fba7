from collections.abc import Callable

import pytest

from producers.reading import Malformed, Wellformed
from producers.reading.blocks import MAX_LINE
from tests.producers.reading.rows import Row
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"id":"a"}\n{"x":[1],"id":"b"}\n', None),
        (b'"a"\r\n" b "\r\n', None),
        (b'\xef\xbb\xbf {"id":" a\\t"} \n{"id":"\\u0062"}', None),
        (b'{"token":{"id":"a"}}\n{"token":{"id":"b"}}\n', "token.id"),
        (b'{"key":"a"}\n{"key":"b","id":1}\n', "key"),
    ],
)
def test_the_id_is_a_field_or_the_bare_string(read: Read, data: bytes, field: str | None) -> None:
    assert read(data, format="ndjson", field=field) == [Wellformed(1, "a"), Wellformed(2, "b")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"id":1}', "field id is not a string"),
        (b'{"id":null}', "field id is not a string"),
        (b'{"id":{"id":"a"}}', "field id is not a string"),
        (b'{"ID":"a"}', "no field id"),
        (b'["a"]', "no field id"),
        (b"17", "no field id"),
        (b"null", "no field id"),
        (b"{", "not valid JSON"),
        (b"abc", "not valid JSON"),
        (b'{"id":"a"} x', "not valid JSON"),
        (b'{"id":"\\ud800"}', "not valid JSON"),
        (b'{"id":"\xff"}', "not UTF-8 at byte 8"),
        (b'\xff{"id":"a"}', "not UTF-8 at byte 1"),
        (b'{"id":"a b"}', "a space at column 2"),
        (b'{"id":"a\\u0000"}', "a NUL byte at column 2"),
        (b'{"id":"  "}', "empty id"),
        (b'""', "empty id"),
        (b"[" * 60_000, "JSON nested too deeply"),
        (b'{"id":"' + b"x" * MAX_LINE + b'"}', "longer than 65536 bytes"),
    ],
)
def test_a_malformed_line_is_reported_and_its_neighbours_are_read(read: Read, line: bytes, why: str) -> None:
    assert read(b'{"id":"one"}\n' + line + b'\n\n"four"\n', format="ndjson") == [
        Wellformed(1, "one"),
        Malformed(2, why),
        Wellformed(4, "four"),
    ]


def test_with_a_field_a_bare_string_is_malformed(read: Read) -> None:
    assert read(b'"a"\n{"k":"a"}\n', field="k.l") == [
        Malformed(1, "no field k.l"),
        Malformed(2, "no field k.l"),
    ]


@pytest.mark.parametrize("field", ["", ".", "a..b", "a.", ".a"])
def test_a_path_with_an_empty_step_is_refused(read: Read, field: str) -> None:
    with pytest.raises(BadInputError, match="--field: expected"):
        read(b"{}\n", field=field)
