"""The way through a proxy, a real one before a real server: what gets through, what was never sent."""

import asyncio
import socket
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web

from tests.api.authority import Authority
from tests.api.clients import ORG, parts
from tests.api.proxies import ForwardProxy, forward_proxy
from tests.api.servers import answering, raw, recording
from worker.api.connector import NotConnectedError
from worker.api.session import post
from worker.core.answers.reply import NoReply, Reply

HELLO: Final = answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
PASSWORD: Final = "hunter2:p@ss/word"
ESCAPED: Final = "hunter2%3Ap%40ss%2Fword"
BEARER: Final = {"Authorization": "Bearer of-the-api"}
LOGIN: Final = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "A made-up authority")


@pytest_asyncio.fixture
async def api(authority: Authority) -> AsyncIterator[str]:
    async with raw(HELLO, authority.serves()) as url:
        yield url


async def asked(url: str, authority: Authority, proxy_url: str, **more: Any) -> Reply | NoReply:
    async with parts(url, ca_file=authority.file, proxy_url=proxy_url, **more) as mine:
        return await post(mine.session, "/", b"{}", BEARER)


def not_sent(reply: Reply | NoReply) -> str:
    """What it says of a request that never reached the API."""
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)
    for secret in (PASSWORD, ESCAPED, "hunter2", LOGIN.removeprefix("Basic "), "of-the-api"):
        assert secret not in reply.message
    return reply.message


def with_login(url: str, login: str = f"me:{ESCAPED}") -> str:
    return url.replace("://", f"://{login}@")


async def test_the_api_is_reached_through_a_tunnel(api: str, authority: Authority) -> None:
    async with forward_proxy(ForwardProxy()) as proxy:
        reply = await asked(api, authority, proxy.url)
    assert isinstance(reply, Reply)
    assert proxy.requests == [f"CONNECT {urlsplit(api).netloc} HTTP/1.1"]


async def test_user_and_password_go_to_the_proxy_alone(api: str, authority: Authority) -> None:
    async with forward_proxy(ForwardProxy(login=LOGIN)) as proxy:
        reply = await asked(api, authority, with_login(proxy.url))
    assert isinstance(reply, Reply)
    assert proxy.requests == [f"CONNECT {urlsplit(api).netloc} HTTP/1.1 Proxy-Authorization: {LOGIN}"]


async def test_a_proxy_may_be_spoken_to_by_tls(api: str, authority: Authority) -> None:
    async with forward_proxy(ForwardProxy(login=LOGIN, tls=authority.serves())) as proxy:
        reply = await asked(api, authority, with_login(proxy.url))
    assert isinstance(reply, Reply)
    assert len(proxy.requests) == 1


async def test_a_plain_request_is_passed_on(authority: Authority) -> None:
    async with raw(HELLO) as url, forward_proxy(ForwardProxy(login=LOGIN)) as proxy:
        reply = await asked(url, authority, with_login(proxy.url))
    assert isinstance(reply, Reply)
    assert proxy.requests == [f"POST {url}/ HTTP/1.1 Proxy-Authorization: {LOGIN}"]


async def test_no_login_is_taken_from_a_netrc(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password of-somebody-else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with recording(web.json_response({})) as api, forward_proxy(ForwardProxy()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with parts(api.url) as mine:
            assert isinstance(await post(mine.session, "/", b"{}", BEARER), Reply)
        assert isinstance(await asked(api.url, authority, "none"), Reply)
    assert proxy.requests == [f"POST {api.url} HTTP/1.1"]
    assert [seen.headers["Authorization"] for seen in api.seen] == [BEARER["Authorization"]] * 2


async def test_the_environment_names_a_proxy_and_the_setting_wins(
    api: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forward_proxy(ForwardProxy()) as first, forward_proxy(ForwardProxy()) as second:
        monkeypatch.setenv("HTTPS_PROXY", first.url)
        async with parts(api, ca_file=authority.file) as mine:
            assert isinstance(await post(mine.session, "/", b"{}", {}), Reply)
        assert len(first.requests) == 1
        assert isinstance(await asked(api, authority, second.url), Reply)
        assert isinstance(await asked(api, authority, "none"), Reply)
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        async with parts(api, ca_file=authority.file) as mine:
            assert isinstance(await post(mine.session, "/", b"{}", {}), Reply)
    assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.parametrize("is_tls", [True, False], ids=["tunnel", "plain"])
async def test_a_proxy_that_wants_a_login_says_so(authority: Authority, is_tls: bool) -> None:
    tls = authority.serves() if is_tls else None
    async with raw(HELLO, tls) as url, forward_proxy(ForwardProxy(login="Basic other")) as proxy:
        without = not_sent(await asked(url, authority, proxy.url))
        wrong = not_sent(await asked(url, authority, with_login(proxy.url)))
    name = f"the proxy {proxy.url} (BULK_ACTIVATE_PROXY_URL)"
    assert without.startswith(f"{name} asks for user and password (HTTP 407): put USER:PASSWORD@")
    assert wrong == f"{name} refuses the user or password in BULK_ACTIVATE_PROXY_URL (HTTP 407)"


@pytest.mark.parametrize(
    ("answer", "says_"),
    [
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>",
            "refuses to connect to the API (HTTP 403)",
        ),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "refuses to connect to the API (HTTP 502)"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "refuses to connect to the API (HTTP 302)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "the connection"),
        (b"<html><body>log in</body></html>\r\n\r\n", "is none"),
        (b"HTTP/1.1 20", "closed the connection"),
        (b"", "closed the connection"),
    ],
    ids=["403", "502", "302", "HTML with 200", "no HTTP", "cut in the head", "cut"],
)
async def test_an_answer_in_place_of_a_tunnel_means_that_nothing_was_sent(
    api: str, authority: Authority, answer: bytes, says_: str
) -> None:
    async with forward_proxy(ForwardProxy(answer=answer)) as proxy:
        message = not_sent(await asked(api, authority, with_login(proxy.url)))
    assert says_ in message
    assert f"the proxy {proxy.url}" in message


async def test_a_proxy_that_is_away_reached_nobody(api: str, authority: Authority) -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets this port, and a connection to it is refused.
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        message = not_sent(await asked(api, authority, with_login(url)))
    assert message == f"the proxy {url} (BULK_ACTIVATE_PROXY_URL) cannot be reached: Connection refused"


async def test_a_proxy_whose_host_is_not_known_reached_nobody(api: str, authority: Authority) -> None:
    message = not_sent(await asked(api, authority, "http://no-such-host.invalid:3128"))
    assert "cannot be reached: its host is not known" in message


async def test_a_proxy_that_never_answers_reached_nobody(api: str, authority: Authority) -> None:
    async with forward_proxy(ForwardProxy(silent=True)) as proxy:
        message = not_sent(await asked(api, authority, proxy.url, request_timeout=0.5))
    assert message == f"no connection in time, through the proxy {proxy.url} (BULK_ACTIVATE_PROXY_URL)"


async def test_the_activate_call_counts_nothing_as_sent_where_the_proxy_refuses(
    api: str, authority: Authority
) -> None:
    async with forward_proxy(ForwardProxy(login="Basic other")) as proxy:
        more: dict[str, Any] = {"ca_file": authority.file, "proxy_url": proxy.url, "access_token": "opaque"}
        async with parts(api, api_token=None, **more) as mine:
            reply = await mine.client.activate(ORG, ("one",))
    assert "HTTP 407" in not_sent(reply)


async def test_neither_connections_nor_faults_show_the_login(authority: Authority) -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    login = {"Proxy-Authorization": LOGIN}
    async with (
        raw(half, authority.serves()) as url,
        forward_proxy(ForwardProxy(login=LOGIN)) as good,
        forward_proxy(ForwardProxy(login="Basic other")) as bad,
        parts(url, ca_file=authority.file, proxy_url=with_login(good.url)) as mine,
        parts(url, ca_file=authority.file, proxy_url=with_login(bad.url)) as other,
    ):
        async with mine.session.post("/", data=b"{}", proxy_headers=login) as response:
            assert response.connection is not None
            shown = repr(response.connection) + repr(response) + repr(mine.session.connector)
        with pytest.raises(NotConnectedError) as caught:
            await other.session.post("/", data=b"{}", proxy_headers=login)
    shown += "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "HTTP 407" in shown
    for secret in (PASSWORD, "hunter2", LOGIN.removeprefix("Basic ")):
        assert secret not in shown
