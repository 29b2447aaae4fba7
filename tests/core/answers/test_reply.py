"""The request id that the API gave is kept where it can be no secret; where a redirect leads to."""

import json

import pytest

from worker.core.answers.reply import Reply, redirect_host, request_id

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
