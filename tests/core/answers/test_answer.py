import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, all_well, answered, ok
from worker.core.answers.answer import classify, is_token_rejected
from worker.core.answers.document import error_message
from worker.core.answers.reconcile import Reconciled
from worker.core.answers.reply import NoReply, Reply
from worker.core.answers.verdict import (
    Faulty,
    Intercepted,
    JobFault,
    Rejected,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
)
from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.redact import MAX_MESSAGE

SENT = IDS[:3]
NOW = datetime(1994, 11, 6, 8, 49, 27, tzinfo=UTC).timestamp()
BAD = b'{"message":"bad luck","statusCode":7,"moduleCode":"csp","metadata":null}'


def why(status: int, message: str = "bad luck") -> Reason:
    return Reason(f"HTTP_{status}", message, status)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        pytest.param(401, Unauthorized(why(401)), id="401 renews the token"),
        pytest.param(403, JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, why(403)), id="403 fails the job"),
        pytest.param(404, JobFault(ReasonCode.ORGANIZATION_NOT_FOUND, why(404)), id="404 fails the job"),
        pytest.param(429, Throttled(None), id="429 is charged to nobody"),
        *(
            pytest.param(status, Rejected(why(status)), id=f"{status} was not processed")
            for status in (400, 402, 408, 409, 413, 415, 422, 499)
        ),
        *(
            pytest.param(status, Faulty(why(status)), id=f"{status} may have been processed")
            for status in (100, 199, 201, 202, 204, 206, 299, 500, 502, 503, 504, 599, 600, 999)
        ),
    ],
)
def test_each_status_has_one_meaning(status: int, verdict: Verdict) -> None:
    assert classify(answered(status, BAD), SENT, NOW) == verdict


@pytest.mark.parametrize("body", [b"", b"<html>", b"Forbidden", b"[]", b"null", b'"text"', BAD[:-1]])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 451, 499])
def test_an_error_status_without_a_json_object_is_no_refusal(status: int, body: bytes) -> None:
    verdict = classify(answered(status, body), SENT, NOW)
    assert isinstance(verdict, Intercepted)
    assert (verdict.reason.name, verdict.reason.status) == ("NOT_THE_API", status)
    assert f"answered {status} {'as text' if body else 'with nothing'}, not the API" in verdict.reason.message


@pytest.mark.parametrize("body", [b"", BAD])
@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 399, 405, 406, 407, 511])
def test_statuses_that_are_never_the_apis(status: int, body: bytes) -> None:
    assert isinstance(classify(answered(status, body), SENT, NOW), Intercepted)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            "https://console.moved.test/csp",
            "the API redirects to console.moved.test: set BULK_ACTIVATE_API_URL",
        ),
        ("//login.test:8443/?from=x", "the API redirects to login.test:8443: set BULK_ACTIVATE_API_URL"),
        ("https://me:secret@api.test/", "the API redirects to api.test: set BULK_ACTIVATE_API_URL"),
        ("/login?session=abcdefgh#x", "to the path /login, such as a login page's"),
        ("/\x1b[2J\u202elogin", "to the path / [2J login, such as"),
        ("https://a b/", "to what is no address"),
        ("https://[broken/", "to what is no address"),
        ("mailto:x@y", "to what is no address"),
        ("", "to what is no address"),
    ],
)
def test_a_redirect_is_described(location: str, told: str) -> None:
    verdict = classify(answered(302, b"", Location=location), SENT, NOW)
    assert isinstance(verdict, Intercepted)
    assert told in verdict.reason.message
    assert "secret" not in verdict.reason.message
    assert "abcdefgh" not in verdict.reason.message


@pytest.mark.parametrize(("status", "told"), [(407, "proxy"), (511, "sign-in")])
def test_a_request_for_a_sign_in_names_its_source(status: int, told: str) -> None:
    verdict = classify(answered(status), SENT, NOW)
    assert isinstance(verdict, Intercepted)
    assert told in verdict.reason.message


@pytest.mark.parametrize(
    ("named", "verdict"),
    [
        ("400", Rejected(why(400))),
        ("401", Unauthorized(why(401))),
        ("403", JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, why(403))),
        ("429", Throttled(9.0)),
        ('"503"', Faulty(why(503), 9.0)),
    ],
)
@pytest.mark.parametrize("field", ["statusCode", "status"])
def test_an_error_document_in_a_200_is_as_the_status_that_it_names(
    named: str, field: str, verdict: Verdict
) -> None:
    body = f'{{"{field}":{named},"message":"bad luck"}}'.encode()
    reply = answered(200, body, Retry_After="9")
    assert classify(reply, SENT, NOW) == verdict
    assert is_token_rejected(reply) == (named == "401")


@pytest.mark.parametrize("named", ["200", "399", "600", "0", "-1", "4e2", "null", '"4 00"', "true", "[]"])
def test_an_error_document_in_a_200_that_names_no_error_leaves_the_ids_in_doubt(named: str) -> None:
    verdict = classify(answered(200, f'{{"statusCode":{named},"message":"bad luck"}}'.encode()), SENT, NOW)
    assert isinstance(verdict, Faulty)
    assert verdict.reason.name == "UNREADABLE_ANSWER"
    assert verdict.reason.message.endswith("bad luck")


@pytest.mark.parametrize(("header", "asked"), [("7", 7.0), ("1e9", 3600.0), ("x", None)])
def test_a_503_says_how_long_to_leave_it_alone(header: str, asked: float | None) -> None:
    assert classify(answered(503, b"<html>", Retry_After=header), SENT, NOW) == Faulty(why(503, ""), asked)


def test_a_readable_200_is_reconciled_with_what_was_sent() -> None:
    assert classify(answered(200, ok(SENT)), SENT, NOW) == all_well(3)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", ok(SENT)[:-1], b"[" * 300_000])
def test_an_unreadable_200_leaves_the_ids_in_doubt(body: bytes) -> None:
    verdict = classify(answered(200, body), SENT, NOW)
    assert isinstance(verdict, Faulty)
    assert (verdict.reason.name, verdict.reason.status) == ("UNREADABLE_ANSWER", 200)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        pytest.param(True, Faulty, id="a time-out, a reset or a cut answer leaves the ids in doubt"),
        pytest.param(False, Unreached, id="without a connection nothing was sent"),
    ],
)
def test_no_answer_says_whether_the_request_went_out(sent: bool, kind: type[Faulty | Unreached]) -> None:
    reply = NoReply("SOME_NAME", "to host: Bearer abcdefgh\n", sent=sent)
    assert classify(reply, SENT, NOW) == kind(Reason("SOME_NAME", "to host: [redacted]", 0))


@pytest.mark.parametrize(
    ("header", "hold"),
    [("7", 7.0), ("0", 0.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 10.0), ("1e400", 3600.0), ("nonsense", None)],
)
def test_a_429_holds_for_as_long_as_it_asks(header: str, hold: float | None) -> None:
    assert classify(answered(429, BAD, Retry_After=header), SENT, NOW) == Throttled(hold)


@pytest.mark.parametrize(("remaining", "hold"), [("0", 9.0), ("3", None)], ids=["used up", "not used up"])
def test_a_429_without_retry_after_holds_until_a_used_up_quota_is_new(
    remaining: str, hold: float | None
) -> None:
    told = answered(429, BAD, X_RateLimit_Remaining=remaining, X_RateLimit_Reset="9")
    assert classify(told, SENT, NOW) == Throttled(hold)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(BAD, "bad luck", id="a CspErrorResponse"),
        pytest.param(
            b'{"message":"token \\u2022\\u2022\\u2022\\u2022ab12"}', "token [redacted]", id="a secret's tail"
        ),
        pytest.param(b'{"message":"a\\u0000b\\nc"}', "a b c", id="control characters"),
        pytest.param(b"", "", id="an empty body"),
        pytest.param(b"<html>502 Bad Gateway</html>", "", id="HTML"),
        pytest.param(b"[1]", "", id="a list"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b"{}", "", id="no message"),
        pytest.param(b'{"message":null}', "", id="a null message"),
        pytest.param(b'{"message":{"text":"x"}}', '{"text": "x"}', id="an object for a message"),
        pytest.param(b'{"message":{"message":"x"}}', "x", id="a message in a message"),
        pytest.param(b'{"message":' + b"9" * 6000 + b"}", "[redacted]", id="a huge number for a message"),
        pytest.param(b'{"message":"caf\xe9"}', "caf\u00e9", id="no UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"message":"x"}', "x", id="behind a byte order mark"),
        pytest.param(b'{"message":"\\ud800"}', "", id="half a surrogate pair"),
        pytest.param(b'{"message":"x', "", id="cut short"),
        pytest.param(b"[" * 300_000, "", id="deep nesting"),
        pytest.param(b'{"a":' * 300_000, "", id="deep nesting of objects"),
    ],
)
def test_an_error_is_read_leniently(body: bytes, message: str) -> None:
    assert error_message(body) == message


@given(st.integers(100, 999), st.binary(max_size=300), st.dictionaries(st.just("Retry-After"), st.text()))
def test_no_answer_raises(status: int, body: bytes, headers: dict[str, str]) -> None:
    verdict = classify(Reply(status, headers, body), SENT, NOW)
    assert isinstance(verdict, Throttled) == (status == 429)
    assert isinstance(verdict, Intercepted) == ((300 <= status < 500 and status != 429) or status == 511)
    if isinstance(verdict, Reconciled):
        assert status == 200
        assert len(verdict.said) == len(SENT)


@given(st.text(max_size=1500))
def test_any_message_of_an_error_is_kept_on_one_short_line(text: str) -> None:
    message = error_message(json.dumps({"message": text}).encode())
    assert len(message) <= MAX_MESSAGE
    assert len(message.splitlines()) <= 1
