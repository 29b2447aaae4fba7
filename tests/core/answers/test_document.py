"""Only a JSON object is the API's own word."""

from typing import Any

import pytest

from worker.core.answers.document import document_of


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": "no"}', {"message": "no"}),
        (b"{}", {}),
        (b' \n{"a": [null]}', {"a": [None]}),
        (b'{"a": 1e999}', {"a": float("inf")}),
        (b'{"a": 1' + b"0" * 5000 + b"}", {"a": float("inf")}),
        (b"", None),
        (b"<html>403 Forbidden</html>", None),
        (b"Forbidden", None),
        (b'"Forbidden"', None),
        (b"[]", None),
        (b"null", None),
        (b'{"a": ', None),
        (b'{"a": "\xff"}', None),
        (b"[" * 100_000, None),
        (b'{"a": 1e999, "b": ' + b"[" * 100_000, None),
    ],
)
def test_only_a_json_object_is_the_word_of_the_api(body: bytes, expected: dict[str, Any] | None) -> None:
    assert document_of(body) == expected
