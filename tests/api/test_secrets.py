"""No secret stands in a repr, an exception's text, a log line or a `NoReply`."""

import base64
import traceback
from urllib.parse import unquote

import pytest
import structlog
from aiohttp import web

from tests.api.clients import ORG, SECRET, parts, settings_for
from tests.api.servers import Recorder, answering, raw, recording
from worker.api.credentials import CredentialRejectedError
from worker.api.token_exchange import TokenUnavailableError
from worker.core.answers.answer import classify
from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.answers.reply import NoReply, Reply, request_id

ACCESS = "an-opaque-access-token-that-nobody-may-see"
ECHO = {"message": f"invalid_grant: Invalid refresh token: {SECRET}"}
TAIL = {"message": f"invalid_grant: Invalid refresh token: xxxxx...{SECRET[-6:]}"}
HALF = {"message": f"invalid_grant: {SECRET[9:20]} and {base64.b64encode(SECRET.encode()).decode()}"}


def grant() -> web.Response:
    return web.json_response({"access_token": ACCESS, "expires_in": 1799, "refresh_token": SECRET})


def whole(error: BaseException) -> str:
    """The exception as a log would show it, with all that it was raised from."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


@pytest.mark.parametrize("document", [ECHO, TAIL, HALF], ids=["whole", "tail", "half-and-base64"])
async def test_a_refusal_that_echoes_the_secret_is_reported_without_it(document: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as lines:
        async with recording(web.json_response(document, status=400)) as api, parts(api.url) as mine:
            with pytest.raises(CredentialRejectedError) as caught:
                await mine.tokens.get(ORG)
    text = whole(caught.value) + str(lines)
    assert "invalid_grant" in text
    assert SECRET not in text
    assert SECRET[-6:] not in text
    assert SECRET[9:20] not in text
    assert base64.b64encode(SECRET.encode()).decode()[4:16] not in text


async def test_the_parts_do_not_show_what_they_hold() -> None:
    with structlog.testing.capture_logs() as lines:
        async with recording(grant(), web.Response()) as api, parts(api.url) as mine:
            await mine.client.activate(ORG, ("one",))
            shown = f"{mine.tokens!r} {vars(mine.tokens)!r} {mine.client!r} {mine.session!r} {mine!r}"
    assert [line["event"] for line in lines] == ["access token renewed"]
    assert SECRET not in shown + str(lines)
    assert ACCESS not in shown + str(lines)


def test_the_settings_do_not_show_their_secrets() -> None:
    settings = settings_for("https://api.test", access_token=ACCESS)
    shown = f"{settings!r} {settings!s} {settings.public()!r}"
    assert SECRET not in shown
    assert ACCESS not in shown


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.Response(status=503, text=SECRET), id="503"),
        pytest.param(web.Response(text=SECRET), id="200-that-is-no-grant"),
        pytest.param(web.json_response({"access_token": f"{ACCESS}\n", "expires_in": 9}), id="unusable"),
        pytest.param(web.json_response({"access_token": f"{ACCESS}\t", "message": SECRET}), id="message"),
    ],
)
async def test_a_failed_exchange_is_reported_without_its_answer(answer: web.Response) -> None:
    async with recording(answer) as api, parts(api.url) as mine:
        with pytest.raises(TokenUnavailableError) as caught:
            await mine.tokens.get(ORG)
        reply = await mine.client.activate(ORG, ("one",))
    text = whole(caught.value) + repr(reply)
    assert SECRET not in text
    assert ACCESS not in text


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed"),
        pytest.param(f"{ACCESS}\r\n\r\n".encode(), id="another-protocol"),
        pytest.param(f"HTTP/1.1 200 OK\r\n{ACCESS}\r\n\r\n".encode(), id="no-header"),
        pytest.param(f"HTTP/1.1 200 OK\r\nContent-Length: {ACCESS}\r\n\r\n".encode(), id="no-length"),
        pytest.param(f"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{ACCESS}".encode(), id="cut-short"),
    ],
)
async def test_a_broken_answer_is_reported_without_a_byte_of_it(answer: bytes) -> None:
    async with raw(answering(answer)) as url, parts(url, access_token=ACCESS) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, NoReply)
    assert ACCESS not in repr(reply)
    assert url.removeprefix("http://") not in repr(reply)


async def test_a_redirect_gets_no_secret() -> None:
    async with recording(web.Response()) as elsewhere:
        moved = web.Response(status=307, headers={"Location": elsewhere.url})
        async with recording(moved) as api, parts(api.url) as mine:
            with pytest.raises(TokenUnavailableError):
                await mine.tokens.get(ORG)
    assert isinstance(elsewhere, Recorder)
    assert elsewhere.seen == []


def tokens_in(text: str) -> list[str]:
    """The parts of either token, of eight characters, that a text holds."""
    known = (SECRET, ACCESS)
    return [part[at : at + 8] for part in known for at in range(len(part) - 7) if part[at : at + 8] in text]


@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(ACCESS, id="whole"),
        pytest.param(ACCESS[5:14], id="nine-characters"),
        pytest.param(SECRET[-12:], id="tail-of-the-api-token"),
        pytest.param("\u200b".join(ACCESS), id="split"),
        pytest.param("".join(f"%{ord(char):02x}" for char in SECRET), id="percent"),
        pytest.param(base64.b64encode(f"Bearer {ACCESS}".encode()).decode(), id="base64"),
    ],
)
async def test_no_part_of_a_token_reaches_a_reason(status: int, echo: str) -> None:
    refused = {
        "message": f"no: {echo}!",
        "failures": [{"id": "one", "message": f"no: {echo}!"}],
        "successes": ["two"],
    }
    answer = web.json_response(refused, status=status, headers={"X-Request-Id": echo.replace("\u200b", "")})
    async with recording(grant(), answer) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, ("one", "two"))
    assert isinstance(reply, Reply)
    told = repr(classify(reply, ("one", "two"), 0.0)) + str(request_id(reply)) + repr(reply)
    assert "[redacted]" in told
    for text in (told, unquote(told), told.replace("\\u200b", "").replace("\u200b", "")):
        assert tokens_in(text) == []
    assert echo not in told


async def test_an_id_with_a_part_of_a_token_is_settled_all_the_same() -> None:
    token_id = f"id-{ACCESS[3:15]}"
    said = {"successes": [token_id], "failures": [{"id": "two", "message": f"as {token_id}: {ACCESS}"}]}
    async with recording(grant(), web.json_response(said)) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, (token_id, "two"))
    verdict = classify(reply, (token_id, "two"), 0.0)
    assert isinstance(verdict, Reconciled)
    assert verdict.said[0] is Plain.SUCCESS
    assert ACCESS not in repr(verdict)
