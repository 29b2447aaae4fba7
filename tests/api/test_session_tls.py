"""Only a certificate that can be verified is spoken to, and one that is refused is described."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.api.authority import Authority
from tests.api.clients import ORG, parts, settings_for
from tests.api.proxies import ForwardProxy, forward_proxy
from tests.api.servers import answering, raw
from worker.api.network import make_tls
from worker.api.session import post
from worker.core.answers.reply import NoReply, Reply
from worker.core.errors import BadSettingError

HELLO: Final = answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "A made-up authority")


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("inspector"), "Acme TLS inspection")


@asynccontextmanager
async def unspoken_to(tls: ssl.SSLContext) -> AsyncIterator[str]:
    """A server that must never read a request."""

    async def talk(*_: Any) -> None:
        raise AssertionError("a request came")

    async with raw(talk, tls) as url:
        yield url


async def asked(url: str, **settings: Any) -> Reply | NoReply:
    async with parts(url, **settings) as mine:
        return await post(mine.session, "/", b"{}", {})


def refused(reply: Reply | NoReply) -> str:
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)
    return reply.message


async def test_an_authority_that_is_not_known_is_named_with_the_cure(authority: Authority) -> None:
    async with unspoken_to(authority.serves()) as url:
        message = refused(await asked(url))
    assert "issued by 'A made-up authority', comes from an authority that is not trusted here" in message
    assert "a proxy of your network that looks into TLS" in message
    assert "BULK_ACTIVATE_CA_FILE" in message


async def test_a_certificate_of_an_authority_named_by_the_setting_is_good(authority: Authority) -> None:
    async with raw(HELLO, authority.serves()) as url:
        assert isinstance(await asked(url, ca_file=authority.file), Reply)


async def test_a_certificate_of_an_authority_named_to_openssl_is_good(
    authority: Authority, inspector: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with raw(HELLO, authority.serves()) as url:
        assert isinstance(await asked(url), Reply)
        # The setting wins, and is alone.
        refused(await asked(url, ca_file=inspector.file))


async def test_the_names_of_a_certificate_for_another_host_are_told(authority: Authority) -> None:
    async with unspoken_to(authority.serves("DNS:other.test", "IP:10.0.0.1")) as url:
        message = refused(await asked(url, ca_file=authority.file))
    assert "is for other.test, 10.0.0.1, and not for the host in BULK_ACTIVATE_API_URL" in message


async def test_the_end_of_an_expired_certificate_is_told(authority: Authority) -> None:
    async with unspoken_to(authority.serves(ends="20210102030405Z")) as url:
        message = refused(await asked(url, ca_file=authority.file))
    assert "expired on 2021-01-02 03:04 UTC" in message


async def test_the_beginning_of_a_certificate_to_come_is_told(authority: Authority) -> None:
    async with unspoken_to(authority.serves(begins="20900101000000Z")) as url:
        message = refused(await asked(url, ca_file=authority.file))
    assert "is not valid before 2090-01-01 00:00 UTC" in message


async def test_a_certificate_that_signs_itself_is_told(authority: Authority) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.file, authority.folder / "ca.key")
    async with unspoken_to(tls) as url:
        assert "of 'A made-up authority' is signed by itself" in refused(await asked(url))


async def test_a_proxy_that_looks_into_tls_is_refused_until_its_authority_is_trusted(
    authority: Authority, inspector: Authority
) -> None:
    inspecting = ForwardProxy(inspects=inspector.serves())
    async with raw(HELLO, authority.serves()) as url, forward_proxy(inspecting) as proxy:
        message = refused(await asked(url, proxy_url=proxy.url, ca_file=authority.file))
        assert isinstance(await asked(url, proxy_url=proxy.url, ca_file=inspector.file), Reply)
    assert "issued by 'Acme TLS inspection'" in message
    assert f"through the proxy {proxy.url}" in message
    assert {line.split(" HTTP")[0] for line in proxy.requests} == {f"CONNECT {urlsplit(url).netloc}"}


async def test_a_refused_certificate_is_read_once_for_many_requests(authority: Authority) -> None:
    proxy = ForwardProxy()
    async with (
        unspoken_to(authority.serves()) as url,
        forward_proxy(proxy),
        parts(url, proxy_url=proxy.url) as mine,
    ):
        said = {refused(await post(mine.session, "/", b"{}", {})) for _ in range(5)}
    assert len(said) == 1
    assert len(proxy.requests) == 5 + 2


async def test_a_proxy_reached_by_tls_gets_no_login_before_it_is_verified(authority: Authority) -> None:
    async with (
        raw(HELLO, authority.serves()) as url,
        forward_proxy(ForwardProxy(tls=authority.serves())) as proxy,
    ):
        message = refused(await asked(url, proxy_url=proxy.url.replace("://", "://me:hunter2@")))
    assert "an authority that is not trusted here" in message
    assert proxy.requests == []


async def test_the_activate_call_tells_it_too(authority: Authority) -> None:
    async with unspoken_to(authority.serves()) as url, parts(url) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("TOKEN_UNAVAILABLE", False)
    assert "BULK_ACTIVATE_CA_FILE" in reply.message


async def test_a_server_that_speaks_no_tls_is_sent_nothing() -> None:
    async with raw(answering(b"")) as url, parts(url.replace("http", "https"), connect_timeout=0.2) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, NoReply)
    assert not reply.sent


@pytest.mark.parametrize("variable", ["BULK_ACTIVATE_CA_FILE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_a_certificate_is_named_with_its_variable(
    tmp_path: Path, variable: str, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    own = variable.startswith("BULK")
    settings = settings_for("https://console.test", **({"ca_file": file} if own else {}))
    with pytest.raises(BadSettingError, match=f"^{variable}: {file} ") as caught:
        make_tls(settings, {} if own else {variable: str(file)})
    assert "\n" not in str(caught.value)


def test_a_folder_of_certificates_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = settings_for("https://console.test")
    make_tls(settings, {"SSL_CERT_DIR": f"/nowhere:{tmp_path}"})
    with pytest.raises(BadSettingError, match=r"^SSL_CERT_DIR: "):
        make_tls(settings, {"SSL_CERT_DIR": "/nowhere"})
