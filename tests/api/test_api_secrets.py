"""No secret stands in a repr, an exception's text, a log line or a `NoReply`."""

import traceback

import pytest
import structlog
from aiohttp import web

from tests.api.clients import ORG, SECRET, parts, settings_for
from tests.api.servers import Recorder, raw, recording, says
from worker.api.credentials import CredentialRejectedError
from worker.api.exchanges import TokenUnavailableError
from worker.core.answer import NoReply

ACCESS = "an-opaque-access-token-that-nobody-may-see"
ECHO = {"message": f"invalid_grant: Invalid refresh token: {SECRET}"}
TAIL = {"message": f"invalid_grant: Invalid refresh token: xxxxx...{SECRET[-6:]}"}


def grant() -> web.Response:
    return web.json_response({"access_token": ACCESS, "expires_in": 1799, "refresh_token": SECRET})


def whole(error: BaseException) -> str:
    """The exception as a log would show it, with all that it was raised from."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


@pytest.mark.parametrize("document", [ECHO, TAIL], ids=["whole", "tail"])
async def test_a_refusal_that_echoes_the_secret_is_told_without_it(document: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as lines:
        async with recording(web.json_response(document, status=400)) as api, parts(api.url) as mine:
            with pytest.raises(CredentialRejectedError) as caught:
                await mine.tokens.get(ORG)
    text = whole(caught.value) + str(lines)
    assert "invalid_grant" in text
    assert SECRET not in text
    assert SECRET[-6:] not in text


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
async def test_an_exchange_that_failed_is_told_without_its_answer(answer: web.Response) -> None:
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
async def test_a_broken_answer_is_told_without_a_byte_of_it(answer: bytes) -> None:
    async with raw(says(answer)) as url, parts(url, access_token=ACCESS) as mine:
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
