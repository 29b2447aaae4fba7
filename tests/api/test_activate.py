"""The activate call, as it is documented."""

import json
import re

import pytest
from aiohttp import web

from tests.api.clients import ORG, Clock, parts
from tests.api.servers import AUTHORIZE, Recorder, recording
from tests.api.standin import stand_in
from worker.api.credentials import CredentialRejectedError
from worker.core.answers.reply import NoReply, Reply
from worker.core.answers.trust import TokenAction

IDS = ("one", "two", "ünicode-\N{SNOWMAN}")


def grant(token: str = "an-access-token") -> web.Response:
    return web.json_response({"access_token": token, "expires_in": 1799})


async def test_a_call_is_as_documented() -> None:
    async with recording(grant(), web.json_response({"successes": []})) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, IDS)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (200, b'{"successes": []}')
    call = api.seen[1]
    assert (call.method, call.path) == ("POST", f"/csp/gateway/am/api/orgs/{ORG}/api-tokens/activate")
    assert json.loads(call.body) == {"ids": list(IDS)}
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Authorization"] == "Bearer an-access-token"
    assert re.fullmatch(r"bulk-activation-worker/\S+", call.headers["User-Agent"])
    assert "Cookie" not in call.headers


async def test_the_simulator_takes_a_call_and_does_it() -> None:
    async with stand_in() as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, ("one", "two"))
        world = await api.world()
    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert {name: line["activations"] for name, line in world.items()} == {"one": 1, "two": 1}


async def test_cookies_are_not_kept() -> None:
    answer = web.Response(headers={"Set-Cookie": "session=1; Path=/"})
    async with recording(grant(), answer) as api, parts(api.url) as mine:
        await mine.client.activate(ORG, IDS)
        await mine.client.activate(ORG, IDS)
    assert ["Cookie" in call.headers for call in api.seen] == [False] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async with recording(web.Response()) as elsewhere:
        moved = web.Response(status=status, headers={"Location": elsewhere.url})
        async with recording(grant(), moved) as api, parts(api.url) as mine:
            reply = await mine.client.activate(ORG, IDS)
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert elsewhere.seen == []


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413, 415, 429, 500, 502, 503, 504, 599])
async def test_every_status_is_an_answer_with_its_headers_and_its_body(status: int) -> None:
    answer = web.Response(status=status, text="<html>plain</html>", headers={"Retry-After": "7"})
    async with recording(grant(), answer) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, IDS)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (status, b"<html>plain</html>", "7")


async def test_a_refused_access_token_is_renewed_before_the_next_call() -> None:
    served, refused = web.json_response({"successes": []}), web.json_response({"message": "no"}, status=401)
    answers = (grant("first"), served, refused, grant("second"), served)
    async with recording(*answers) as api, parts(api.url) as mine:
        replies = [await mine.client.activate(ORG, IDS) for _ in range(3)]
    assert bearers(api) == ["Bearer first", "Bearer first", "Bearer second"]
    assert [getattr(reply, "token_action", None) for reply in replies] == [TokenAction.RENEW] * 3


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>Login</html>", content_type="text/html"),
        web.Response(status=429),
        web.Response(status=503),
        web.json_response({"message": "no"}, status=403),
    ],
    ids=["portal", "429", "503", "403"],
)
async def test_only_a_200_of_the_api_shows_that_a_token_is_good(answer: web.Response) -> None:
    refused = web.json_response({"message": "no"}, status=401)
    async with recording(grant("first"), answer, refused) as api, parts(api.url) as mine:
        await mine.client.activate(ORG, IDS)
        reply = await mine.client.activate(ORG, IDS)
    assert isinstance(reply, Reply)
    assert reply.token_action is TokenAction.REPEAT


@pytest.mark.parametrize("word", [True, False], ids=["json", "html"])
async def test_a_401_asks_for_a_person_only_in_the_words_of_the_api(word: bool) -> None:
    body = '{"message": "no"}' if word else "<html>Unauthorized</html>"
    refused = web.Response(status=401, text=body)
    clock = Clock()
    async with recording(grant("first"), refused) as api, parts(api.url, clock) as mine:
        await mine.client.activate(ORG, IDS)
        clock.at += 55
        await mine.client.activate(ORG, IDS)
        clock.at += 5
        reply = await mine.client.activate(ORG, IDS)
    assert isinstance(reply, Reply)
    assert reply.token_action is (TokenAction.GIVE_UP if word else TokenAction.REPEAT)


async def test_without_an_access_token_nothing_is_sent() -> None:
    async with recording(web.Response(status=503)) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, IDS)
    assert reply == NoReply("TOKEN_UNAVAILABLE", "token exchange: HTTP 503", sent=False)
    assert [call.path for call in api.seen] == [AUTHORIZE]


async def test_a_refused_credential_is_for_a_person_to_mend() -> None:
    async with recording(web.json_response({}, status=400)) as api, parts(api.url) as mine:
        with pytest.raises(CredentialRejectedError):
            await mine.client.activate(ORG, IDS)


async def test_a_ready_access_token_is_used_as_it_is() -> None:
    clock = Clock()
    async with recording(web.Response()) as api, parts(api.url, clock, access_token="ready-made") as mine:
        await mine.client.activate(ORG, IDS)
        # Refused, there is no other to be had.
        await mine.tokens.mark_rejected(ORG, "ready-made")
        clock.at += 1
        await mine.client.activate(ORG, IDS)
    assert bearers(api) == ["Bearer ready-made"] * 2


def bearers(api: Recorder) -> list[str]:
    return [call.headers["Authorization"] for call in api.seen if call.path != AUTHORIZE]
