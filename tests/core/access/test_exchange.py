"""What the answer to a token exchange means: only a JSON object can refuse a credential."""

import re

import pytest

from worker.core.access.exchange import Granted, Refused, Unavailable, pause, read_exchange
from worker.core.access.lifetime import ASSUMED_LIFETIME
from worker.core.answers.reply import NoReply, Reply

HTML = b"<html><title>403 Forbidden</title>invalid_grant</html>"
NO = b'{"message": "invalid_grant: Invalid refresh token"}'
NOW = 1_790_000_000.0


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_json_object_refuses(status: int) -> None:
    assert read_exchange(reply(status, NO), NOW) == Refused(
        f"HTTP {status}, invalid_grant: Invalid refresh token"
    )


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 406, 407, 410, 451, 500, 502, 503, 511, 200, 204]
)
@pytest.mark.parametrize(
    "body", [HTML, b"invalid_grant", b"", b'"invalid_grant"', b'["invalid_grant"]', NO[:-1]]
)
def test_no_other_answer_is_a_refusal(status: int, body: bytes) -> None:
    assert isinstance(read_exchange(reply(status, body), NOW), Unavailable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [HTML, b"", b"{}"])
def test_a_redirect_does_not_refuse(status: int, body: bytes) -> None:
    assert isinstance(read_exchange(reply(status, body, Location="https://x.test/"), NOW), Unavailable)


@pytest.mark.parametrize("status", [405, 409, 415, 422, 429, 500, 503])
def test_an_object_with_another_status_does_not_refuse(status: int) -> None:
    assert read_exchange(reply(status, NO), NOW) == Unavailable(f"HTTP {status}")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            reply(302, HTML, Location="https://new.test/csp"),
            "redirects to new.test: set BULK_ACTIVATE_API_URL",
        ),
        (reply(302, HTML, Location="/login"), "HTTP 302.*BULK_ACTIVATE_API_URL"),
        (reply(404, HTML), "answered 404.*BULK_ACTIVATE_API_URL"),
        (reply(405, b""), "answered 405.*BULK_ACTIVATE_API_URL"),
        (reply(407, HTML), "proxy.*HTTP 407"),
        (reply(511, HTML), "sign-in.*HTTP 511"),
        (reply(403, HTML), "answered 403.*in between"),
        (reply(200, HTML), "HTTP 200.*page"),
        (reply(503, HTML), "^HTTP 503$"),
    ],
)
def test_an_answer_of_an_intermediary_is_described(answer: Reply, why: str) -> None:
    said = read_exchange(answer, NOW)
    assert isinstance(said, Unavailable)
    assert re.search(why, said.why)
    assert "html" not in said.why


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (b'{"access_token": "t"}', Granted("t", ASSUMED_LIFETIME)),
        (b'{"access_token": "t", "expires_in": "90"}', Granted("t", 90)),
        (b'{"access_token": "t", "expires_in": "1799s"}', Granted("t", ASSUMED_LIFETIME)),
        (b'{"access_token": "t", "expires_in": null}', Granted("t", ASSUMED_LIFETIME)),
        (b'{"access_token": "t", "expires_in": 1e999}', Granted("t", ASSUMED_LIFETIME)),
        (
            b'{"access_token": "t", "scope": null, "expires_in": [], "statusCode": 400}',
            Granted("t", ASSUMED_LIFETIME),
        ),
        (b'{"access_token": ""}', Unavailable("the answer held no usable token")),
        (b'{"access_token": 5}', Unavailable("the answer held no usable token")),
        (b'{"access_token": "two\\r\\nlines"}', Unavailable("the answer held no usable token")),
        (b'{"statusCode": true}', Unavailable("the answer held no usable token")),
        (b'{"statusCode": 403, "message": "no"}', Refused("HTTP 403, no")),
        (b'{"statusCode": 503, "message": "no"}', Unavailable("HTTP 503")),
    ],
)
def test_a_200_is_read_leniently(body: bytes, meaning: object) -> None:
    assert read_exchange(reply(200, body), NOW) == meaning


def test_no_answer_says_nothing_of_the_credential() -> None:
    assert read_exchange(NoReply("NO_CONNECTION", "refused", sent=False), NOW) == Unavailable(
        "refused", None, sent=False
    )


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("body", [NO, HTML, b""])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Mon, 21 Sep 2026 14:13:30 GMT", 10.0), ("-3", 0.0), ("99999999", 3600.0)],
)
def test_retry_after_is_read(status: int, body: bytes, header: str, seconds: float) -> None:
    said = read_exchange(reply(status, body, Retry_After=header), NOW)
    assert isinstance(said, Unavailable)
    assert said.asked == seconds


def test_retry_after_is_kept_to() -> None:
    for roll in (0.0, 0.99):
        assert 60 <= pause(Unavailable("", 60.0), 1, roll) < 61.0
        assert pause(Unavailable("", 0.0), 1, roll) >= 1


def test_without_retry_after_the_pause_grows_and_has_a_limit() -> None:
    assert [pause(Unavailable(""), n, 0.0) for n in range(1, 6)] == [2, 4, 8, 15, 15]
    assert pause(Unavailable(""), 10_000, 0.999) < 22.5
    assert [pause(Refused(""), n, 0.0) for n in range(1, 10)] == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert pause(Unavailable("", sent=False), 9, 0.5) == 0


def test_a_grant_does_not_show_its_token() -> None:
    assert "geheim" not in repr(Granted("geheim", 1.0))
