"""What is the API's own word, and where a redirect leads to."""

from typing import Any

import pytest

from worker.core.answers.answer import Reply, document_of, redirect_host


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


@pytest.mark.parametrize(
    ("status", "location", "host"),
    [
        (301, "https://console.tanzu.broadcom.com/csp/gateway", "console.tanzu.broadcom.com"),
        (302, "//login.test:8443/?from=x", "login.test:8443"),
        (307, "https://[::1]:8443/", "[::1]:8443"),
        (308, "https://user:secret@api.test/", "api.test"),
        (302, "/login", None),
        (302, "https://a b/", None),
        (302, "https://[broken/", None),
        (302, "https://" + "a" * 300, None),
        (302, None, None),
        (200, "https://elsewhere.test/", None),
        (404, "https://elsewhere.test/", None),
    ],
)
def test_a_redirect_is_described_by_its_host_alone(
    status: int, location: str | None, host: str | None
) -> None:
    headers = {} if location is None else {"Location": location}
    assert redirect_host(Reply(status, headers, b"")) == host
