"""Exchanges that fail: a refusal is believed when it was said twice, anything else is tried again later."""

import asyncio

import pytest
from aiohttp import web

from tests.api.clients import ORG, parts
from tests.api.servers import raw, recording, says
from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import TokenUnavailableError

REFUSED = {"message": "invalid_grant: Invalid refresh token", "statusCode": 400}


def grant(token: str) -> web.Response:
    return web.json_response({"access_token": token, "expires_in": 1799})


def refusal(status: int = 400) -> web.Response:
    return web.json_response(REFUSED, status=status)


async def test_one_refusal_is_not_believed() -> None:
    async with recording(refusal(), grant("given")) as api, parts(api.url) as mine:
        assert await mine.tokens.get(ORG) == "given"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_credential_refused_twice_is_rejected(status: int) -> None:
    async with recording(refusal(status)) as api, parts(api.url) as mine:
        with pytest.raises(CredentialRejectedError, match=f"HTTP {status}, invalid_grant.*resume the job"):
            await mine.tokens.get(ORG)
    assert len(api.seen) == 2


async def test_a_refused_credential_is_asked_about_twice_however_many_wait() -> None:
    async with recording(refusal()) as api, parts(api.url) as mine:
        ends = await asyncio.gather(*(mine.tokens.get(ORG) for _ in range(50)), return_exceptions=True)
    assert {type(end) for end in ends} == {CredentialRejectedError}
    assert len(api.seen) == 2


async def test_a_service_that_is_away_is_asked_once_however_many_wait() -> None:
    async with recording(web.Response(status=503)) as api, parts(api.url) as mine:
        ends = await asyncio.gather(*(mine.tokens.get(ORG) for _ in range(50)), return_exceptions=True)
    assert {type(end) for end in ends} == {TokenUnavailableError}
    assert len(api.seen) == 1


async def test_one_who_comes_after_a_failure_asks_anew() -> None:
    async with recording(web.Response(status=503), grant("given")) as api, parts(api.url) as mine:
        with pytest.raises(TokenUnavailableError):
            await mine.tokens.get(ORG)
        assert await mine.tokens.get(ORG) == "given"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.Response(status=503), id="503"),
        pytest.param(web.Response(status=500), id="500"),
        pytest.param(web.Response(status=429), id="429"),
        pytest.param(web.Response(status=302, headers={"Location": "/login"}), id="redirect"),
        pytest.param(web.Response(text="<html>Maintenance</html>", content_type="text/html"), id="html"),
        pytest.param(web.Response(), id="empty"),
        pytest.param(web.json_response([]), id="list"),
        pytest.param(web.json_response({"expires_in": 1799}), id="no-token"),
        pytest.param(web.json_response({"access_token": ""}), id="empty-token"),
        pytest.param(web.json_response({"access_token": None}), id="null"),
        pytest.param(web.json_response({"access_token": "two\r\nlines"}), id="a-header-more"),
        pytest.param(web.json_response({"access_token": "t\N{SNOWMAN}ken"}), id="no-header-value"),
        pytest.param(web.json_response({"access_token": "t", "expires_in": "soon"}), id="no-life"),
        pytest.param(web.Response(body=b'"\xff'), id="no-utf-8"),
        pytest.param(web.Response(body=b"[" * 100_000), id="deep"),
    ],
)
async def test_an_answer_without_a_usable_token_is_worth_another_try_later(answer: web.Response) -> None:
    async with recording(answer) as api, parts(api.url) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)


async def test_no_connection_is_worth_another_try_later() -> None:
    async with raw(says(b"")) as gone:
        pass
    async with parts(gone) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)


async def test_an_answer_cut_short_is_worth_another_try_later() -> None:
    async with raw(says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")) as url, parts(url) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)
