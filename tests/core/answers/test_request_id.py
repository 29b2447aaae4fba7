"""The API's own name for an exceptional request is kept where it can be no secret, and nothing else is."""

import json

import pytest

from worker.core.answers.answer import Reply, request_id

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def given(body: bytes, **headers: str) -> str | None:
    return request_id(Reply(500, {name.replace("_", "-"): value for name, value in headers.items()}, body))


def named(name: object) -> bytes:
    return json.dumps({"requestId": name, "message": "no"}).encode()


@pytest.mark.parametrize(
    "name", ["r-1", "5f0c1d6e-0000-4000-8000-000000000001", "1-5f:ab/cd+ef=.g_h", "z" * 63]
)
def test_the_request_id_is_taken_from_the_body(name: str) -> None:
    assert given(named(name), X_Request_Id="another") == name


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{}", b'{"requestId": null}'])
def test_without_one_in_the_body_the_request_id_is_taken_from_the_header(body: bytes) -> None:
    assert given(body, X_Request_Id="from-the-proxy") == "from-the-proxy"
    assert given(body) is None


@pytest.mark.parametrize(
    "name",
    ["two words", "line\nbreak", "caf\u00e9", "y" * 129, JWT, "A" * 64, "password=abcdef"],
    ids=["space", "newline", "not ascii", "long", "a JWT", "a token value", "a password"],
)
def test_a_malformed_request_id_is_left_out(name: str) -> None:
    assert given(named(name)) is None
    assert given(b"", X_Request_Id=name) is None
