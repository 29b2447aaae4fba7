"""Failed exchanges: a second refusal in a row counts; anything else is tried again later."""

import asyncio

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.api.clients import ORG, SECRET, Clock, parts
from tests.api.servers import answering, raw, recording
from worker.api.credentials import CredentialRejectedError
from worker.api.token_exchange import TokenUnavailableError, tag_of
from worker.core.answers.answer import classify
from worker.core.answers.reply import NoReply
from worker.core.answers.verdict import Unauthorized

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


async def test_only_the_shape_of_a_refused_token_is_reported() -> None:
    odd = SecretStr(f"{SECRET}'")
    async with recording(refusal()) as api, parts(api.url, api_token=odd) as mine:
        with pytest.raises(CredentialRejectedError, match="; it ends with a quote: put a valid") as caught:
            await mine.tokens.get(ORG)
    assert SECRET[:8] not in str(caught.value)


async def test_of_a_refused_access_token_its_shape_is_told() -> None:
    given = SecretStr("opaque-token")
    async with recording(refusal(401)) as api, parts(api.url, api_token=None, access_token=given) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    verdict = classify(reply, ("one",), 0.0)
    assert isinstance(verdict, Unauthorized)
    assert verdict.reason.message.endswith("; it is no JWT, as access tokens are")
    assert "opaque-token" not in verdict.reason.message


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


async def test_a_request_after_the_pause_makes_a_new_exchange() -> None:
    clock = Clock()
    async with recording(web.Response(status=503), grant("given")) as api, parts(api.url, clock) as mine:
        with pytest.raises(TokenUnavailableError):
            await mine.tokens.get(ORG)
        clock.at += 5
        assert await mine.tokens.get(ORG) == "given"


async def test_no_connection_is_tried_again_without_a_pause() -> None:
    async with raw(answering(b"")) as gone:
        pass
    async with parts(gone) as mine:
        for _ in range(3):
            with pytest.raises(TokenUnavailableError, match=r"Connect|refused"):
                await mine.tokens.get(ORG)


async def asked_within(seconds: float, answer: web.Response) -> int:
    """Exchanges, by one who wants a token ten times a second."""
    clock = Clock()
    async with recording(answer) as api, parts(api.url, clock) as mine:
        for _ in range(round(10 * seconds)):
            with pytest.raises((TokenUnavailableError, CredentialRejectedError)):
                await mine.tokens.get(ORG)
            clock.at += 0.1
        return len(api.seen)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept_to(status: int) -> None:
    assert await asked_within(59, web.Response(status=status, headers={"Retry-After": "60"})) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.Response(status=429), id="429"),
        pytest.param(web.Response(status=429, headers={"Retry-After": "0"}), id="no-time"),
        pytest.param(web.Response(text="<html>"), id="html"),
        pytest.param(web.Response(status=302, headers={"Location": "https://moved.test/"}), id="redirect"),
        pytest.param(web.Response(status=404, text="not found"), id="other-host"),
        pytest.param(refusal(), id="refused"),
    ],
)
async def test_a_minute_of_failures_costs_few_exchanges(answer: web.Response) -> None:
    asked = await asked_within(60, answer)
    assert 3 <= asked <= (60 if answer.headers.get("Retry-After") else 10)


async def test_a_refused_credential_is_not_asked_about_at_each_resume() -> None:
    clock = Clock()
    async with recording(refusal()) as api, parts(api.url, clock) as mine:
        said = []
        for _ in range(8):
            with pytest.raises((TokenUnavailableError, CredentialRejectedError)) as caught:
                await mine.tokens.get(ORG)
            said.append(str(caught.value))
            clock.at += 13  # A person who resumes again and again.
    # At 0, 13, 26, 39 and 65 seconds, each time twice; not at the others.
    assert len(api.seen) == 10
    assert "not asked about again before" in said[-1]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            web.Response(status=308, headers={"Location": "https://new.test/x"}),
            "redirects to new.test: set BULK_",
        ),
        (web.Response(status=404, text="<html>"), "BULK_ACTIVATE_API_URL"),
        (web.Response(status=404), "BULK_ACTIVATE_API_URL"),
        (web.Response(status=407), "proxy"),
    ],
)
async def test_the_sender_of_an_answer_instead_of_the_api_is_named(answer: web.Response, told: str) -> None:
    async with recording(answer) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, NoReply)
    assert told in reply.message
    assert not reply.sent


def test_the_tag_of_a_credential_is_too_short_to_guess_it_by() -> None:
    tags = {tag_of(SecretStr(f"{SECRET}-{number}")) for number in range(8)}
    assert len(tags) > 1
    assert {len(bytes.fromhex(tag)) for tag in tags} == {2}


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
        pytest.param(web.Response(status=403, text="<html>Forbidden</html>"), id="firewall"),
        pytest.param(web.Response(status=400, text="invalid_grant"), id="text"),
        pytest.param(web.json_response(["invalid_grant"], status=400), id="no-object"),
        pytest.param(web.json_response({"message": "no"}, status=405), id="405"),
        pytest.param(web.Response(body=b'"\xff'), id="no-utf-8"),
        pytest.param(web.Response(body=b"[" * 100_000), id="deep"),
    ],
)
async def test_an_answer_without_a_usable_token_is_worth_another_try_later(answer: web.Response) -> None:
    async with recording(answer) as api, parts(api.url) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)


async def test_no_connection_is_worth_another_try_later() -> None:
    async with raw(answering(b"")) as gone:
        pass
    async with parts(gone) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)


async def test_an_answer_cut_short_is_worth_another_try_later() -> None:
    async with raw(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")) as url, parts(url) as mine:
        with pytest.raises(TokenUnavailableError, match="token exchange: "):
            await mine.tokens.get(ORG)
